"""The feed's statement reads what it shows and little more, however many articles there are."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.news.feed import END_OF_TIME, FEED, LAST_ID

LIMIT = 20
FILL = """
INSERT INTO branch (id, parent_id, level, code, path, name, created_at, version)
SELECT gen_random_uuid(), NULL, 'republic', 'kz', 'kz', '{"kk": "Қазақстан"}', '2024-01-15Z', 1;
INSERT INTO branch (id, parent_id, level, code, path, name, created_at, version)
SELECT gen_random_uuid(), id, 'region', 'r' || n, ('kz.r' || n)::ltree, '{"kk": "Өңір"}', '2024-01-15Z', 1
  FROM branch, generate_series(1, 20) n;
INSERT INTO article (id, branch_id, state, pinned, notify, published_at, version, created_at, updated_at)
SELECT gen_random_uuid(), ids[1 + mod(n, cardinality(ids))], CASE WHEN mod(n, 10) = 0 THEN 'draft' ELSE 'published' END,
       mod(n, 100) < 10, false, timestamptz '2024-01-15Z' + n * interval '1 hour', 1, '2024-01-15Z', '2024-01-15Z'
  FROM generate_series(1, 10000) n, (SELECT array_agg(id ORDER BY path) AS ids FROM branch) branches;
ALTER TABLE article_translation DISABLE TRIGGER USER;
INSERT INTO article_translation (article_id, language, title, summary, body_markdown, body_html)
SELECT id, language, 'Жол', 'Жаңа жол', '', '' FROM article, unnest(ARRAY['kk', 'ru']) language
"""
PARAMETERS = "uuid[], text, timestamptz, uuid, uuid[], boolean, integer"


@pytest.fixture
def filled(cloned_database: str) -> Iterator[psycopg.Connection[Any]]:
    """A database of 21 branches and 10,000 articles (owner's connection)."""
    with psycopg.connect(cloned_database, autocommit=True) as connection:
        for statement in FILL.split(";\n"):
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE article, article_translation, branch")
        connection.execute(f"PREPARE feed ({PARAMETERS}) AS {FEED}")
        yield connection


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's steps."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def call_feed(connection: psycopg.Connection[Any], *, deep: bool = False) -> str:
    """The SQL that asks for a page as a member of a region."""
    chain: list[UUID] = [row[0] for row in connection.execute("SELECT id FROM branch WHERE path @> 'kz.r7'")]
    at = datetime(2024, 3, 1, tzinfo=UTC) if deep else END_OF_TIME
    values = (chain, "ru", at, LAST_ID, [], not deep, LIMIT + 1)
    call = "EXECUTE feed (%s::uuid[], %s, %s, %s, %s::uuid[], %s, %s)"
    return psycopg.ClientCursor(connection).mogrify(call, values)


def test_plan_is_made_once_and_kept(filled: psycopg.Connection[Any]) -> None:
    for _ in range(20):
        filled.execute(call_feed(filled))
    made = filled.execute("SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE name = 'feed'")
    assert made.fetchone() == (5, 15)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("deep", [False, True], ids=["first page", "deep page"])
def test_page_touches_a_few_rows(filled: psycopg.Connection[Any], mode: str, deep: bool) -> None:
    filled.execute(f"SET plan_cache_mode = {mode}")
    call = call_feed(filled, deep=deep)
    assert len(json.loads(filled.execute(call).fetchone()[0])) == LIMIT  # type: ignore[index]  # always one row
    explained = filled.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {call}").fetchone()
    assert explained is not None
    for node in nodes(explained[0][0]["Plan"]):
        assert not (node["Node Type"] == "Seq Scan" and node["Relation Name"].startswith("article")), node
        touched = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
        assert touched <= 4 * (LIMIT + 4) * 3, node
