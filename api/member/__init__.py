"""Operations for people with phones."""

from api.member import me, news

ROUTERS = (news.router, me.router)
