"""Operations for branch admins, with a personal session or a service token."""

from api.admin import (
    audit,
    branches,
    calendar,
    me,
    members,
    news,
    petitions,
    polls,
    roles,
    tokens,
)

ROUTERS = (
    branches.router,
    news.router,
    polls.router,
    calendar.router,
    petitions.router,
    me.router,
    members.router,
    roles.router,
    tokens.router,
    audit.router,
)
