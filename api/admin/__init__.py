"""Operations for branch admins, with a personal session or a service token."""

from api.admin import branches, calendar, news, polls

ROUTERS = (branches.router, news.router, polls.router, calendar.router)
