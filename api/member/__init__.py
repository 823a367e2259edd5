"""Operations for people with phones."""

from api.member import me

ROUTERS = (me.router,)
