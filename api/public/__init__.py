"""Operations for anyone."""

from api.public import health

ROUTERS = (health.router,)
