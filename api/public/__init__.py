"""Operations for anyone."""

from api.public import health, sign_in

ROUTERS = (health.router, sign_in.router)
