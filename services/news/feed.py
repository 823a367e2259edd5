"""The feed of a member: one statement whose JSON PostgreSQL makes, for the plain lane and the hot lane alike.

The newest three pinned articles of each branch stand on top, all others follow, newest first. A cursor holds what stood
on top for its reader, so that pages join without gap or repeat while articles are pinned, unpinned and published.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg

from models.base import Language

MAX_ON_TOP: Final = 12
"""Three of each of the four levels."""

END_OF_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC)
LAST_ID: Final = UUID(int=2**128 - 1)

FEED: Final = """
WITH chain AS MATERIALIZED (
    SELECT id, coalesce(name->>$2, name->>'kk', name->>'ru', name->>'en') AS name
      FROM branch WHERE id IN (($1::uuid[])[1], $1[2], $1[3], $1[4])
), top AS MATERIALIZED (
    SELECT a.*, true AS pinned
      FROM chain CROSS JOIN LATERAL (
        SELECT branch_id, id, published_at, cover_upload_id FROM article
         WHERE branch_id = chain.id AND state = 'published' AND pinned
         ORDER BY published_at DESC, id DESC LIMIT 3) a
     WHERE $6 AND a.id <> ALL ($5)
     ORDER BY published_at DESC, id DESC LIMIT least($7, 12 - cardinality($5::uuid[]))
), rest AS (
    SELECT a.*, false AS pinned
      FROM chain CROSS JOIN LATERAL (
        SELECT branch_id, id, published_at, cover_upload_id FROM article
         WHERE branch_id = chain.id AND state = 'published' AND (published_at, id) < ($3, $4) AND id <> ALL ($5)
         ORDER BY published_at DESC, id DESC LIMIT $7 + 3) a
     WHERE NOT EXISTS (SELECT FROM top WHERE top.id = a.id)
), ahead AS (
    SELECT *, row_number() OVER (ORDER BY pinned DESC, published_at DESC, id DESC) AS place
      FROM (SELECT * FROM top UNION ALL SELECT * FROM rest) both_parts
     ORDER BY place LIMIT $7
)
SELECT coalesce(json_agg(json_build_object(
           'id', ahead.id, 'title', t.title, 'summary', t.summary, 'language', t.language,
           'branch', json_build_object('id', chain.id, 'name', chain.name),
           'published_at', to_char(ahead.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           'pinned', ahead.pinned,
           'cover', CASE WHEN cover_upload_id IS NOT NULL THEN json_build_object(
               'id', cover_upload_id, 'url', '/v1/files/' || cover_upload_id) END)
           ORDER BY place) FILTER (WHERE place < $7), '[]')::text AS items,
       array_agg(ahead.id ORDER BY place) FILTER (WHERE ahead.pinned AND place < $7) AS on_top,
       max(ahead.id::text) FILTER (WHERE place = $7 - 1)::uuid AS last_id,
       max(ahead.published_at) FILTER (WHERE place = $7 - 1) AS last_published_at,
       bool_or(ahead.pinned) FILTER (WHERE place = $7 - 1) AS last_is_on_top,
       count(*) = $7 AS more
  FROM ahead JOIN chain ON chain.id = ahead.branch_id
 CROSS JOIN LATERAL (
    SELECT language, title, summary FROM article_translation
     WHERE article_id = ahead.id
     ORDER BY language = $2 DESC, language = 'kk' DESC, language = 'ru' DESC LIMIT 1) t
"""
"""The four ids of the chain are named one by one: of an array PostgreSQL guesses ten elements, finds the plan kept for
all calls too dear and plans each call anew, which takes longer than running it.

$1 branch ids, $2 language, $3 and $4 the position, $5 ids that stood on top, $6 whether the top goes on, $7 rows
wanted and one more, which says whether there is a next page."""


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """Where a reader stands.

    Attributes:
        on_top: articles that stood on top for this reader, at most `MAX_ON_TOP`.
        published_at: of the last article read below the top; None while the reader is still in the top.
        article_id: its id.
    """

    on_top: tuple[UUID, ...] = ()
    published_at: datetime | None = None
    article_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class FeedSlice:
    """A JSON array of articles, and where the next slice begins (None: nothing follows)."""

    items: bytes
    following: FeedPosition | None


async def read_feed(
    connection: asyncpg.Connection,
    *,
    branch_chain: Sequence[UUID],
    language: Language,
    after: FeedPosition | None,
    limit: int,
) -> FeedSlice:
    """The published articles of `branch_chain` after a position, each in `language`, else in kk, ru or en."""
    position = after or FeedPosition()
    row = await connection.fetchrow(
        FEED,
        list(branch_chain),
        language.value,
        position.published_at or END_OF_TIME,
        position.article_id or LAST_ID,
        list(position.on_top),
        position.published_at is None,
        limit + 1,
    )
    following = None
    if row["more"]:
        on_top = (*position.on_top, *(row["on_top"] or ()))
        if row["last_is_on_top"]:
            following = FeedPosition(on_top)
        else:
            following = FeedPosition(on_top, row["last_published_at"], row["last_id"])
    return FeedSlice(items=row["items"].encode(), following=following)
