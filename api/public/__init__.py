"""Operations for anyone."""

from api.public import config, health, keys, sign_in

ROUTERS = (config.router, health.router, keys.router, sign_in.router)
