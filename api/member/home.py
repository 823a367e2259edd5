"""All that the first screen shows, in one call."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field, TypeAdapter
from sqlmodel.ext.asyncio.session import AsyncSession

from api.deps import CurrentActor, Now, ReadLanguage, Session
from api.member.news import NewsItem
from api.member.petitions import PetitionItem, columns
from api.member.polls import PollListItem
from api.types import Out
from models.db import driver_connection
from models.push import LinkKind
from services.actors import Actor
from services.news.feed import read_feed
from services.petitions.reading import list_own_petitions
from services.polls.reading import list_open_polls
from services.push.inbox import count_unread, find_unread_links

router = APIRouter(prefix="/v1/me", tags=["member"])

NEWS_SHOWN: Final = 3
POLLS_SHOWN: Final = 20
PETITIONS_SHOWN: Final = 20
NEWS: Final = TypeAdapter(list[NewsItem])


class HomeOut(Out):
    """The newest news, open polls not answered yet, own petitions of which a step is unread, and how many notifications
    are unread (100 at most). Without membership there are neither news nor polls."""

    unread_count: Annotated[int, Field(ge=0, le=100)]
    news: list[NewsItem]
    polls: list[PollListItem]
    petitions: list[PetitionItem]


@router.get("/home", summary="Read the first screen")
async def get_home(session: Session, actor: CurrentActor, language: ReadLanguage, now: Now) -> HomeOut:
    """What a launch of the app needs."""
    unread = await count_unread(session, actor, now=now)
    petitions = await list_moved_petitions(session, actor, now=now) if unread else []
    if actor.member_id is None:
        return HomeOut(unread_count=unread, news=[], polls=[], petitions=petitions)
    found = await read_feed(
        await driver_connection(session),
        branch_chain=actor.branch_chain,
        language=language,
        after=None,
        limit=NEWS_SHOWN,
    )
    polls = await list_open_polls(session, actor, before=None, limit=POLLS_SHOWN, now=now, unanswered_only=True)
    return HomeOut(
        unread_count=unread,
        news=NEWS.validate_json(found.items),
        polls=[PollListItem.of(poll, language, responded=False) for poll, _ in polls[:POLLS_SHOWN]],
        petitions=petitions,
    )


async def list_moved_petitions(session: AsyncSession, actor: Actor, *, now: datetime) -> list[PetitionItem]:
    """Of the newest own petitions, those with an unread step."""
    moved = await find_unread_links(session, actor, LinkKind.petition, now=now)
    if not moved:
        return []
    own = await list_own_petitions(session, actor, before=None, limit=PETITIONS_SHOWN)
    return [PetitionItem.model_validate(columns(petition)) for petition in own if petition.id in moved]
