"""Operations for people with phones."""

from api.member import me, news, polls, sessions, uploads

ROUTERS = (news.router, polls.router, me.router, uploads.router, sessions.router)
