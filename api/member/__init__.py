"""Operations for people with phones."""

from api.member import me, news, uploads

ROUTERS = (news.router, me.router, uploads.router)
