"""All that the first screen shows, in one call."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field, TypeAdapter

from api.deps import CurrentActor, Now, ReadLanguage, Session
from api.member.news import NewsItem
from api.member.polls import PollListItem
from api.types import Out
from models.db import driver_connection
from services.news.feed import read_feed
from services.polls.reading import list_open_polls
from services.push.inbox import count_unread

router = APIRouter(prefix="/v1/me", tags=["member"])

NEWS_SHOWN: Final = 3
POLLS_SHOWN: Final = 20
NEWS: Final = TypeAdapter(list[NewsItem])


class HomeOut(Out):
    """The newest news, open polls not answered yet, and how many notifications are unread (100 at most). Lists are
    empty without membership."""

    unread_count: Annotated[int, Field(ge=0, le=100)]
    news: list[NewsItem]
    polls: list[PollListItem]


@router.get("/home", summary="Read the first screen")
async def get_home(session: Session, actor: CurrentActor, language: ReadLanguage, now: Now) -> HomeOut:
    """What a launch of the app needs."""
    unread = await count_unread(session, actor, now=now)
    if actor.member_id is None:
        return HomeOut(unread_count=unread, news=[], polls=[])
    found = await read_feed(
        await driver_connection(session),
        branch_chain=actor.branch_chain,
        language=language,
        after=None,
        limit=NEWS_SHOWN,
    )
    polls = await list_open_polls(session, actor, before=None, limit=POLLS_SHOWN, now=now)
    return HomeOut(
        unread_count=unread,
        news=NEWS.validate_json(found.items),
        polls=[PollListItem.of(poll, language, responded=False) for poll, responded in polls if not responded],
    )
