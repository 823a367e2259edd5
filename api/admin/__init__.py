"""Operations for branch admins, with a personal session or a service token."""

from api.admin import branches, calendar, news

ROUTERS = (branches.router, news.router, calendar.router)
