"""News for members: the feed of the own branches, and one article."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Response

from api.conditional import NOT_MODIFIED, IfNoneMatch, answer_json, etag_of
from api.deps import CurrentActor, CurrentKeys, ReadLanguage, Session
from api.openapi import problems
from api.types import Line, Out, Page, PageParams, decode_cursor, encode_cursor, pick
from models.base import Language
from models.db import driver_connection
from services.news import reading
from services.news.feed import FeedPosition, read_feed
from services.news.search import BEGINNING, SearchPosition, search_articles

router = APIRouter(prefix="/v1/news", tags=["member"])
FEED: Final = "news"
SEARCH: Final = "news_search"
ID_BYTES: Final = 16
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class NewsBranch(Out):
    """The branch whose news it is."""

    id: UUID
    name: str


class Cover(Out):
    """The picture of an article; `url` is a path of this API."""

    id: UUID
    url: str


class FoundNews(Out):
    """An article in a list, in `language`: the one asked for, or the nearest there is."""

    id: UUID
    title: str
    summary: str
    language: Language
    branch: NewsBranch
    published_at: datetime
    cover: Cover | None


class NewsItem(FoundNews):
    """An article in the feed; a pinned one stands on top."""

    pinned: bool


class NewsSearch(PageParams):
    """`q`: words, in any of the languages, in any inflection."""

    q: Line


class ArticleOut(Out):
    """An article. `body_html` is sanitised and safe to show."""

    id: UUID
    title: str
    summary: str
    body_html: str
    language: Language
    branch: NewsBranch
    published_at: datetime
    cover: Cover | None


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page as it leaves."""

    body: bytes
    etag: str


def pack(position: FeedPosition) -> list[Any]:
    """A position in few characters: ids as one text, the time in microseconds since 1970."""
    ids = (*position.on_top, *([position.article_id] if position.article_id else []))
    since = (position.published_at - EPOCH) // MICROSECOND if position.published_at else None
    return [base64.b64encode(b"".join(one.bytes for one in ids)).decode(), since]


def unpack(packed: list[Any] | None) -> FeedPosition | None:
    """What `pack` took."""
    if packed is None:
        return None
    raw, since = base64.b64decode(packed[0]), packed[1]
    ids = [UUID(bytes=raw[start : start + ID_BYTES]) for start in range(0, len(raw), ID_BYTES)]
    if since is None:
        return FeedPosition(tuple(ids))
    return FeedPosition(tuple(ids[:-1]), EPOCH + since * MICROSECOND, ids[-1])


async def make_feed_page(
    connection: asyncpg.Connection,
    key: bytes,
    *,
    branch_chain: tuple[UUID, ...],
    language: Language,
    cursor: str | None,
    limit: int,
) -> FeedPage:
    """A page of the feed as bytes, for both lanes; one statement.

    Args:
        key: signs cursors.

    Raises:
        InvalidCursorError: the cursor is not ours.
    """
    after = unpack(decode_cursor(key, FEED, cursor))
    found = await read_feed(connection, branch_chain=branch_chain, language=language, after=after, limit=limit)
    following = f'"{encode_cursor(key, FEED, pack(found.following))}"' if found.following else "null"
    body = b'{"items":' + found.items + b',"next_cursor":' + following.encode() + b"}"
    return FeedPage(body, etag_of(body))


@router.get("", summary="News feed", response_model=Page[NewsItem], responses=NOT_MODIFIED)
async def list_news(
    session: Session,
    actor: CurrentActor,
    keys: CurrentKeys,
    language: ReadLanguage,
    params: Annotated[PageParams, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """News of the caller's branch and of all above it: the newest pinned ones on top, then newest first."""
    page = await make_feed_page(
        await driver_connection(session),
        keys.hash_key,
        branch_chain=actor.branch_chain,
        language=language,
        cursor=params.cursor,
        limit=params.limit,
    )
    return answer_json(page.body, etag=page.etag, language=language, if_none_match=if_none_match)


@router.get("/search", summary="Search news")
async def search_news(
    session: Session,
    actor: CurrentActor,
    keys: CurrentKeys,
    language: ReadLanguage,
    params: Annotated[NewsSearch, Query()],
) -> Page[FoundNews]:
    """Articles of the caller's branches that hold all the words, the newest first; then those whose title looks like
    what was typed."""
    position = decode_cursor(keys.hash_key, SEARCH, params.cursor)
    after = BEGINNING
    if position is not None:
        after = SearchPosition(position[0], datetime.fromisoformat(position[1]), UUID(position[2]))
    found = await search_articles(session, actor, params.q, language=language, after=after, limit=params.limit)
    items = [
        FoundNews(
            id=one.id,
            title=one.title,
            summary=one.summary,
            language=one.language,
            branch=NewsBranch(id=one.branch_id, name=one.branch_name),
            published_at=one.published_at,
            cover=cover_of(one.cover_upload_id),
        )
        for one in found[: params.limit]
    ]
    if len(found) <= params.limit:
        return Page(items=items, next_cursor=None)
    last = found[params.limit - 1]
    following = [last.by_word, last.published_at.isoformat(), str(last.id)]
    return Page(items=items, next_cursor=encode_cursor(keys.hash_key, SEARCH, following))


@router.get(
    "/{article_id}",
    summary="Read an article",
    response_model=ArticleOut,
    responses={**NOT_MODIFIED, **problems(404)},
)
async def get_news(
    article_id: UUID,
    session: Session,
    actor: CurrentActor,
    language: ReadLanguage,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One published article of the caller's branches."""
    found = await reading.read_article(session, actor, article_id, language=language)
    article, text, branch = found.article, found.text, found.branch
    shown = ArticleOut.model_validate(
        {
            "id": article.id,
            "title": text.title,
            "summary": text.summary,
            "body_html": text.body_html,
            "language": text.language,
            "branch": NewsBranch(id=branch.id, name=pick(branch.name, language)),
            "published_at": article.published_at,
            "cover": cover_of(article.cover_upload_id),
        }
    )
    body = shown.model_dump_json().encode()
    return answer_json(body, etag=etag_of(body), language=language, if_none_match=if_none_match)


def cover_of(upload_id: UUID | None) -> Cover | None:
    """The picture as phones fetch it."""
    return Cover(id=upload_id, url=f"/v1/files/{upload_id}") if upload_id else None
