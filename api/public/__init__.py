"""Operations for anyone."""

from api.public import health, keys, sign_in

ROUTERS = (health.router, keys.router, sign_in.router)
