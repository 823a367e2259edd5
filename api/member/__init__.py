"""Operations for people with phones."""

from api.member import devices, files, home, inbox, me, news, polls, sessions, uploads

ROUTERS = (
    news.router,
    polls.router,
    me.router,
    uploads.router,
    sessions.router,
    devices.router,
    inbox.router,
    files.router,
    home.router,
)
