"""Operations for people with phones."""

from api.member import devices, inbox, me, news, polls, sessions, uploads

ROUTERS = (news.router, polls.router, me.router, uploads.router, sessions.router, devices.router, inbox.router)
