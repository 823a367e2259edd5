"""Search in news: words in Kazakh and Russian, inflected, misspelt, in pages, only what the member may read."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language
from models.db import execute
from models.news import ArticleState
from models.roles import RoleName
from tests.factories.news import make_article, text_in
from tests.factories.world import LONG_AGO, SignIn, World

URL = "/v1/news/search"
TITLES = (
    "Мақат ауданында жаңа мектеп ашылды",
    "Жеңіл атлетикадан балалар жарысы өтті",
    "Ауыл тұрғындары су құбырын күтеді",
    "Дәрігерлер Индерге барды",
    "В районе отремонтировали дороги",
    "Открыта новая поликлиника",
)


async def search(client: httpx.AsyncClient, headers: dict[str, str], **params: Any) -> list[str]:
    """The titles of one page of results."""
    answer = await client.get(URL, headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("мектебі", 0),
        ("Мақатта мектептер", 0),
        ("баланың жарыстары", 1),
        ("суды", 2),
        ("құбырлар", 2),
        ("кубыр", 2),
        ("дəрiгердің", 3),
        ("дарігер", 3),
        ("ремонт дорог", None),
        ("дорогами", 4),
        ("ПОЛИКЛИНИКУ", 5),
        ("поликлинника", 5),
        ("мектеп дәрігер", None),
        ("!!!", None),
        ("и на", None),
    ],
)
async def test_words_are_found_in_any_form(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn, q: str, found: int | None
) -> None:
    for title in TITLES:
        await make_article(session, world.branches["kz.at"], title)
    headers = await sign_in(world.people["Aigul"].account_id)
    assert await search(client, headers, q=q) == ([] if found is None else [TITLES[found]])


async def test_only_what_the_member_may_read_is_found(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    for path in ("kz", "kz.at.maqat", "kz.at.maqat2", "kz.at.inder", "kz.at.maqat.p2"):
        await make_article(session, world.branches[path], f"Жол {path}")
    for state in (ArticleState.draft, ArticleState.withdrawn):
        reason = "Қате" if state is ArticleState.withdrawn else None
        await make_article(session, world.branches["kz"], "Жол", state=state, withdrawn_reason=reason)
    headers = await sign_in(world.people["Aigul"].account_id)
    assert await search(client, headers, q="жолдар") == ["Жол kz.at.maqat", "Жол kz"]
    branch_id = str(world.branches["kz.at.maqat"].id)
    assert await search(client, headers, q=branch_id) == []


async def test_word_of_one_language_finds_the_article_shown_in_another(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz"], RoleName.editor)
    texts = {"kk": text_in("Көпір жөнделді"), "ru": text_in("Мост отремонтирован")}
    body = {"branch_id": str(world.branches["kz"].id), "translations": texts}
    made = (await client.post("/v1/admin/news", headers=headers, json=body)).json()
    await client.post(f"/v1/admin/news/{made['id']}/publish", headers=headers)
    reader = await sign_in(world.people["Aigul"].account_id)
    assert await search(client, reader, q="мосты") == ["Көпір жөнделді"]
    assert await search(client, reader | {"accept-language": "ru"}, q="көпірді") == ["Мост отремонтирован"]

    edit = {"translations": {"kk": text_in("Жол жөнделді")}}
    await client.patch(f"/v1/admin/news/{made['id']}", headers=headers | {"if-match": '"2"'}, json=edit)
    assert await search(client, reader, q="мосты") == []
    assert await search(client, reader, q="жолдар") == ["Жол жөнделді"]


async def test_pages_join_and_exact_words_come_first(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    await make_article(session, world.branches["kz"], "Сауалнамма", at=LONG_AGO + timedelta(days=1))
    titles = [f"Сауалнама {number}" for number in range(5)]
    for title in titles:
        await make_article(session, world.branches["kz"], title, languages=(Language.kk, Language.ru))
    headers = await sign_in(world.people["Aigul"].account_id)
    seen: list[str] = []
    query: dict[str, Any] = {"q": "сауалнама", "limit": 2}
    while query.get("cursor", "") is not None:
        page = (await client.get(URL, headers=headers, params=query)).json()
        seen += [item["title"] for item in page["items"]]
        query["cursor"] = page["next_cursor"]
    assert seen == [*reversed(titles), "Сауалнамма"]


async def test_search_uses_its_indexes(session: AsyncSession, world: World) -> None:
    await execute(session, text("SET LOCAL enable_seqscan = off"))
    for condition, index in (
        ("words @@ search_query('жолдар')", "article_search_words_idx"),
        ("title_letters %> search_letters('жолдар')", "article_search_title_letters_idx"),
    ):
        plan = await execute(session, text(f"EXPLAIN SELECT FROM article_search WHERE {condition}"))  # constants above
        assert index in "\n".join(plan.scalars())
