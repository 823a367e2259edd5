"""Operations for people with phones."""

from api.member import (
    devices,
    files,
    home,
    inbox,
    me,
    news,
    petition_categories,
    petitions,
    polls,
    sessions,
    uploads,
)

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
    petitions.router,
    petition_categories.router,
)
