"""Operations for branch admins, with a personal session or a service token."""

from api.admin import audit, branches, calendar, me, news, polls, roles, tokens

ROUTERS = (
    branches.router,
    news.router,
    polls.router,
    calendar.router,
    me.router,
    roles.router,
    tokens.router,
    audit.router,
)
