"""Operations for anyone."""

from api.public import config, health, keys, metrics, sign_in

ROUTERS = (config.router, health.router, keys.router, metrics.router, sign_in.router)
