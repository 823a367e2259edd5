"""Finding news by words, in Kazakh and Russian, inflected or misspelt (functions of the migration "search")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language
from models.db import execute
from services.actors import Actor
from services.news.feed import END_OF_TIME, LAST_ID

# The branches' ids stand in the index beside the words: a common word of the whole country costs a reader nothing.
SEARCH: Final = sa.text("""
WITH asked AS MATERIALIZED (
    SELECT search_query(:q) AS words, search_letters(:q) AS letters,
           (SELECT string_agg(quote_literal(id), ' | ') FROM unnest(CAST(:chain AS uuid[])) id)::tsquery AS branches
), hit AS (
    SELECT article_id, bool_or(by_word) AS by_word
      FROM (SELECT article_id, true AS by_word FROM asked JOIN article_search s ON s.words @@ (asked.words && branches)
             WHERE numnode(asked.words) > 0
             UNION ALL
            SELECT article_id, false FROM asked JOIN article_search ON title_letters %> letters) either
     GROUP BY article_id
)
SELECT a.id, a.published_at, a.cover_upload_id, hit.by_word, t.title, t.summary, t.language,
       b.id AS branch_id, coalesce(b.name->>:language, b.name->>'kk', b.name->>'ru', b.name->>'en') AS branch_name
  FROM hit
  JOIN article a ON a.id = hit.article_id AND a.state = 'published' AND a.branch_id = ANY (CAST(:chain AS uuid[]))
  JOIN branch b ON b.id = a.branch_id
 CROSS JOIN LATERAL (
    SELECT title, summary, language FROM article_translation
     WHERE article_id = a.id
     ORDER BY language = :language DESC, language = 'kk' DESC, language = 'ru' DESC LIMIT 1) t
 WHERE (hit.by_word, a.published_at, a.id) < (:by_word, :published_at, :article_id)
 ORDER BY hit.by_word DESC, a.published_at DESC, a.id DESC
 LIMIT :wanted
""")


@dataclass(frozen=True, slots=True)
class FoundArticle:
    """An article in a list of results; `by_word` is false for one found by a similar title only."""

    id: UUID
    published_at: datetime
    cover_upload_id: UUID | None
    by_word: bool
    title: str
    summary: str
    language: Language
    branch_id: UUID
    branch_name: str


@dataclass(frozen=True, slots=True)
class SearchPosition:
    """The last result that a reader has."""

    by_word: bool
    published_at: datetime
    article_id: UUID


BEGINNING: Final = SearchPosition(True, END_OF_TIME, LAST_ID)


async def search_articles(
    session: AsyncSession, actor: Actor, q: str, *, language: Language, after: SearchPosition = BEGINNING, limit: int
) -> Sequence[FoundArticle]:
    """Published articles of the actor's branches that hold all words of `q` in one of their languages, the newest
    first, then those whose title looks like `q`; one more than `limit`."""
    found = await execute(
        session,
        SEARCH,
        q=q,
        chain=list(actor.branch_chain),
        language=language.value,
        by_word=after.by_word,
        published_at=after.published_at,
        article_id=after.article_id,
        wanted=limit + 1,
    )
    return [FoundArticle(**row) for row in found.mappings()]
