"""The feed and one article, as members read them."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language
from models.news import Article, ArticleState
from tests.factories.lanes import both_lanes
from tests.factories.news import make_article
from tests.factories.world import LONG_AGO, SignIn, World

pytestmark = both_lanes
HOUR = timedelta(hours=1)
ALL = (Language.kk, Language.ru, Language.en)


async def titles(client: httpx.AsyncClient, headers: dict[str, str], **params: Any) -> list[str]:
    """The titles of one page."""
    answer = await client.get("/v1/news", headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_member_sees_own_branch_and_all_above_newest_first(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    for hour, path in enumerate(("kz", "kz.at.maqat.p1", "kz.at", "kz.at.maqat")):
        await make_article(session, world.branches[path], path, at=LONG_AGO + hour * HOUR)
    for path in ("kz.at.maqat.p2", "kz.at.maqat2", "kz.at.inder"):
        await make_article(session, world.branches[path], path)
    headers = await sign_in(world.people["Aigul"].account_id)
    assert await titles(client, headers) == ["kz.at.maqat", "kz.at", "kz.at.maqat.p1", "kz"]
    neighbour = await sign_in(world.people["Erlan"].account_id)
    assert await titles(client, neighbour) == ["kz.at", "kz.at.inder", "kz"]


async def test_item_says_all_that_the_list_shows(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    article = await make_article(session, world.branches["kz.at"], "Су құбыры", at=LONG_AGO, pinned=True)
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.get("/v1/news", headers=headers | {"accept-language": "ru"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-language"] == "ru"
    assert set(answer.headers["vary"].split(", ")) == {"accept-language", "authorization", "accept-encoding"}
    assert answer.json() == {
        "items": [
            {
                "id": str(article.id),
                "title": "Су құбыры",
                "summary": "Су құбыры: қысқаша",
                "language": "kk",
                "branch": {"id": str(article.branch_id), "name": "Филиал at"},
                "published_at": "2024-01-15T09:00:00.000000Z",
                "pinned": True,
                "cover": None,
            }
        ],
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("written", "asked", "shown"),
    [
        (ALL, "ru", "Жол [ru]"),
        (ALL, "en-GB,ru;q=0.5", "Жол [en]"),
        (ALL, "de", "Жол"),
        ((Language.kk, Language.ru), "en", "Жол"),
        ((Language.ru, Language.en), "kk", "Жол [ru]"),
        ((Language.en,), "ru", "Жол [en]"),
    ],
)
async def test_text_falls_back_from_the_language_asked_for_to_kk_ru_en(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    sign_in: SignIn,
    written: tuple[Language, ...],
    asked: str,
    shown: str,
) -> None:
    article = await make_article(session, world.branches["kz"], "Жол", languages=written)
    headers = await sign_in(world.people["Aigul"].account_id) | {"accept-language": asked}
    assert await titles(client, headers) == [shown]
    one = await client.get(f"/v1/news/{article.id}", headers=headers)
    assert (one.json()["title"], one.json()["body_html"]) == (shown, f"<p>{shown}</p>")


async def test_three_newest_pinned_of_a_branch_stand_on_top(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    for hour in range(5):
        await make_article(session, world.branches["kz"], f"pin {hour}", at=LONG_AGO + hour * HOUR, pinned=True)
    await make_article(session, world.branches["kz.at"], "new", at=LONG_AGO + 9 * HOUR)
    headers = await sign_in(world.people["Aigul"].account_id)
    assert await titles(client, headers) == ["pin 4", "pin 3", "pin 2", "new", "pin 1", "pin 0"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_pages_join_while_articles_are_pinned_unpinned_and_published(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn, limit: int
) -> None:
    made: list[Article] = []
    for number in range(12):
        branch = world.branches[("kz", "kz.at", "kz.at.maqat", "kz.at.maqat.p1")[number % 4]]
        # Three share each moment, so that the id has to part them.
        at = LONG_AGO + number // 3 * HOUR
        made.append(await make_article(session, branch, str(number), at=at, pinned=number in {1, 2}))
    headers = await sign_in(world.people["Aigul"].account_id)
    seen: list[str] = []
    cursor: str | None = None
    for turn in range(20):
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/news", headers=headers, params=query)).json()
        seen += [item["title"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        # Pin what was read and what was not, let a pin go, publish something newer.
        made[turn % 12].pinned = not made[turn % 12].pinned
        made[11 - turn % 12].pinned = True
        session.add_all(made)
        await make_article(session, world.branches["kz"], f"later {turn}", at=LONG_AGO + 99 * HOUR + turn * HOUR)
    old = [title for title in seen if not title.startswith("later")]
    assert sorted(old, key=int) == [str(number) for number in range(12)]
    assert len(set(seen)) == len(seen)


async def test_what_is_not_published_is_not_shown(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    hidden = [
        await make_article(session, world.branches["kz"], "draft", state=ArticleState.draft, published_at=None),
        await make_article(session, world.branches["kz"], "soon", state=ArticleState.scheduled, publish_at=LONG_AGO),
        await make_article(session, world.branches["kz"], "gone", state=ArticleState.withdrawn, withdrawn_reason="x"),
        await make_article(session, world.branches["kz.at.inder"], "neighbour"),
        await make_article(session, world.branches["kz.at.maqat2"], "look-alike"),
    ]
    headers = await sign_in(world.people["Aigul"].account_id)
    assert await titles(client, headers) == []
    for article in hidden:
        answer = await client.get(f"/v1/news/{article.id}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_unchanged_feed_and_article_are_304(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    article = await make_article(session, world.branches["kz"], "Жол", languages=ALL)
    headers = await sign_in(world.people["Aigul"].account_id)
    for url in ("/v1/news", f"/v1/news/{article.id}"):
        etag = (await client.get(url, headers=headers)).headers["etag"]
        same = await client.get(url, headers=headers | {"if-none-match": f'"other", W/{etag}'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
        other = await client.get(url, headers=headers | {"if-none-match": etag, "accept-language": "ru"})
        assert other.status_code == 200
        assert other.headers["etag"] != etag
    article.state, article.withdrawn_reason = ArticleState.withdrawn, "x"
    session.add(article)
    await session.commit()
    assert (await client.get("/v1/news", headers=headers | {"if-none-match": etag})).status_code == 200


@pytest.mark.parametrize("cursor", ["AAAA", "not base64!", "A" * 501])
async def test_foreign_cursor_is_refused(client: httpx.AsyncClient, world: World, sign_in: SignIn, cursor: str) -> None:
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.get("/v1/news", headers=headers, params={"cursor": cursor})
    assert answer.status_code == 422


async def test_page_costs_one_statement_besides_the_actors(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    sign_in: SignIn,
    engine: AsyncEngine,
    connection: AsyncConnection,
) -> None:
    await make_article(session, world.branches["kz"], "Жол", pinned=True, languages=ALL)
    headers = await sign_in(world.people["Aigul"].account_id)
    statements: list[str] = []

    def note_sqlalchemy(*call: Any) -> None:
        statements.append(call[2])

    def note_asyncpg(query: Any) -> None:
        statements.append(query.query)

    driver: Any = (await connection.get_raw_connection()).driver_connection
    event.listen(engine.sync_engine, "before_cursor_execute", note_sqlalchemy)
    await titles(client, headers)  # on a new connection the driver asks for types first
    statements.clear()
    with driver.query_logger(note_asyncpg):
        await titles(client, headers)
    event.remove(engine.sync_engine, "before_cursor_execute", note_sqlalchemy)
    queries = [statement for statement in statements if statement.strip().startswith(("SELECT", "WITH"))]
    assert len(queries) == 2, queries
    assert "FROM auth_session" in queries[0]
