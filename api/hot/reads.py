"""The reads of a launch: the feed, the open polls, one poll."""

from datetime import UTC, datetime
from time import monotonic
from typing import Final
from uuid import UUID

from api.hot.asking import DEFAULT_LIMIT, Asked, UnusualError
from api.hot.pages import Answer, Page
from api.hot.state import HotState, ListedPoll, OpenedPoll
from api.member.news import make_feed_page
from api.member.polls import PollListItem, PollOut
from services.polls import reading

POLL_ID: Final = slice(len("/v1/polls/"), len("/v1/polls/") + 36)


async def list_news(hot: HotState, asked: Asked) -> Answer:
    """The feed: the first page from memory, those behind a cursor by one statement."""
    cursor, limit = asked.page()
    key = (asked.actor.branch_chain, asked.language, limit)
    page = hot.feeds.get(key) if cursor is None else None
    if page is None:
        since = monotonic()
        async with hot.connections() as connection:
            made = await make_feed_page(
                connection,
                hot.runtime.keys.hash_key,
                branch_chain=asked.actor.branch_chain,
                language=asked.language,
                cursor=cursor,
                limit=limit,
            )
        page = Page(made.body, asked.language, made.etag)
        if cursor is None:
            hot.feeds.keep(key, page, since=since)
    return page.answer(asked.headers, kept=cursor is None)


async def list_polls(hot: HotState, asked: Asked) -> Answer:
    """The open polls from memory; whether this member answered them is asked each time."""
    asked.refuse_query()
    now = datetime.now(UTC)
    polls = [poll for poll in await open_polls(hot, asked, now) if poll.closes_at is None or poll.closes_at > now]
    answered: set[UUID] = set()
    if polls:
        async with hot.connections() as connection:
            ids = [poll.poll_id for poll in polls]
            answered = await reading.list_answered(connection, asked.actor.require_member(), ids)
    items = b",".join(poll.answered if poll.poll_id in answered else poll.unanswered for poll in polls)
    return Page(b'{"items":[' + items + b'],"next_cursor":null}', asked.language).answer(asked.headers, kept=False)


async def open_polls(hot: HotState, asked: Asked, now: datetime) -> list[ListedPoll]:
    """The polls of a chain, as they are listed.

    Raises:
        UnusualError: they do not fit on one page.
    """
    key = (asked.actor.branch_chain, asked.language)
    listed = hot.lists.get(key)
    if listed is None:
        since = monotonic()
        async with hot.runtime.sessions() as session:
            found = await reading.list_open_polls(session, asked.actor, before=None, limit=DEFAULT_LIMIT, now=now)
        listed = [
            ListedPoll(
                poll.id,
                poll.closes_at,
                *(
                    PollListItem.of(poll, asked.language, responded=responded).model_dump_json().encode()
                    for responded in (False, True)
                ),
            )
            for poll, _ in found
        ]
        hot.lists.keep(key, listed, since=since)
    if len(listed) > DEFAULT_LIMIT:
        raise UnusualError
    return listed


async def get_poll(hot: HotState, asked: Asked) -> Answer:
    """One poll, from memory, if it is addressed to the member."""
    asked.refuse_query()
    poll_id: str = asked.scope["path"][POLL_ID]
    key = (poll_id, asked.language)
    opened = hot.polls.get(key)
    if opened is None:
        since = monotonic()
        async with hot.runtime.sessions() as session:
            poll = await reading.access_own_poll(session, asked.actor, poll_id_of(asked))
        body = PollOut.of(poll, asked.language).model_dump_json().encode()
        opened = OpenedPoll(poll.branch_id, Page(body, asked.language))
        hot.polls.keep(key, opened, since=since)
    if opened.branch_id not in asked.actor.branch_chain:
        raise UnusualError
    return opened.page.answer(asked.headers)


def poll_id_of(asked: Asked) -> UUID:
    """The id in the path.

    Raises:
        UnusualError: it is none, or written in another way than we write it.
    """
    written: str = asked.scope["path"][POLL_ID]
    try:
        poll_id = UUID(written)
    except ValueError as error:
        raise UnusualError from error
    if str(poll_id) != written:
        raise UnusualError
    return poll_id
