"""Writing and publishing news through the admin API: states, versions, refusals."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.audit import AuditEvent
from models.base import utc_now
from models.news import Article, ArticleState
from models.push import CampaignState, PushCampaign
from models.roles import RoleName
from tests.factories.news import make_article, text_in
from tests.factories.world import LONG_AGO, SignIn, World

NEWS = "/v1/admin/news"


def draft(world: World, path: str = "kz.at.maqat", **values: Any) -> dict[str, Any]:
    """A body that makes a draft."""
    translations = {"kk": text_in("Жаңа жол"), "ru": text_in("Новая дорога")}
    return {"branch_id": str(world.branches[path].id), "translations": translations} | values


async def test_article_goes_from_draft_to_the_members_and_away_again(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    editor = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor)
    reader = await sign_in(world.people["Aigul"].account_id)
    made = await client.post(NEWS, headers=editor, json=draft(world))
    assert (made.status_code, made.json()["state"], made.headers["etag"]) == (201, "draft", '"1"')
    assert made.json()["translations"]["kk"]["body_html"] == "<p><strong>Жаңа жол</strong> туралы толық мәтін.</p>\n"
    url = f"{NEWS}/{made.json()['id']}"
    read_url = f"/v1/news/{made.json()['id']}"
    assert (await client.get(read_url, headers=reader)).status_code == 404

    published = await client.post(f"{url}/publish", headers=editor)
    assert (published.status_code, published.json()["state"], published.headers["etag"]) == (200, "published", '"2"')
    assert (await client.get(read_url, headers=reader)).json()["title"] == "Жаңа жол"

    gone = await client.post(f"{url}/withdraw", headers=editor, json={"reason": "Дерек қате"})
    assert (gone.status_code, gone.json()["withdrawn_reason"]) == (200, "Дерек қате")
    assert (await client.get(read_url, headers=reader)).status_code == 404

    events = await session.exec(select(AuditEvent).where(col(AuditEvent.object_kind) == "article"))
    assert [event.action for event in sorted(events, key=lambda event: event.id)] == [
        "news:create",
        "news:publish",
        "news:withdraw",
    ]


LATER = {"publish_at": "2999-01-01T00:00:00Z"}
REASON = {"reason": "Қате"}


@pytest.mark.parametrize(
    ("state", "step", "body"),
    [
        (ArticleState.published, "publish", None),
        (ArticleState.withdrawn, "publish", None),
        (ArticleState.published, "schedule", LATER),
        (ArticleState.withdrawn, "schedule", LATER),
        (ArticleState.draft, "withdraw", REASON),
        (ArticleState.withdrawn, "withdraw", REASON),
    ],
)
async def test_step_that_the_state_forbids_is_refused(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    sign_in: SignIn,
    state: ArticleState,
    step: str,
    body: dict[str, str] | None,
) -> None:
    reason = "Қате" if state is ArticleState.withdrawn else None
    article = await make_article(
        session, world.branches["kz.at"], "Жол", state=state, publish_at=LONG_AGO, withdrawn_reason=reason
    )
    headers = await sign_in.admin(world.branches["kz.at"], RoleName.editor)
    answer = await client.post(f"{NEWS}/{article.id}/{step}", headers=headers, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "article_state")
    assert answer.json()["data"] == {"state": state}


async def test_edit_replaces_texts_and_wants_the_version(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor)
    url = f"{NEWS}/{(await client.post(NEWS, headers=headers, json=draft(world))).json()['id']}"
    change = {"translations": {"ru": text_in("Мост")}, "pinned": True}
    assert (await client.patch(url, headers=headers, json=change)).status_code == 428
    first = await client.patch(url, headers=headers | {"if-match": '"1"'}, json=change)
    assert (first.status_code, first.headers["etag"], first.json()["pinned"]) == (200, '"2"', True)
    assert list(first.json()["translations"]) == ["ru"]
    assert (await client.get(url, headers=headers)).json() == first.json()
    stale = await client.patch(url, headers=headers | {"if-match": '"1"'}, json=change)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")


async def test_published_article_is_corrected_by_those_who_may_publish(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    article = await make_article(session, world.branches["kz.at.maqat"], "Жол")
    change = {"translations": {"kk": text_in("Көпір")}}
    writer = await sign_in.program(world.branches["kz.at"], "news:write", "news:read")
    refused = await client.patch(f"{NEWS}/{article.id}", headers=writer | {"if-match": '"1"'}, json=change)
    assert (refused.status_code, refused.json()["data"]) == (403, {"permission": "news:publish"})
    publisher = await sign_in.program(world.branches["kz.at"], "news:write", "news:publish")
    done = await client.patch(f"{NEWS}/{article.id}", headers=publisher | {"if-match": '"1"'}, json=change)
    assert (done.status_code, done.json()["state"]) == (200, "published")
    reader = await sign_in(world.people["Aigul"].account_id)
    assert (await client.get(f"/v1/news/{article.id}", headers=reader)).json()["title"] == "Көпір"


async def test_scheduled_article_is_edited_by_those_who_may_publish(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    ahead = utc_now() + timedelta(days=1)
    article = await make_article(
        session, world.branches["kz.at.maqat"], "Жол", state=ArticleState.scheduled, publish_at=ahead
    )
    url, change = f"{NEWS}/{article.id}", {"translations": {"kk": text_in("Көпір")}}
    writer = await sign_in.program(world.branches["kz.at"], "news:write", "news:read")
    refused = await client.patch(url, headers=writer | {"if-match": '"1"'}, json=change)
    assert (refused.status_code, refused.json()["data"]) == (403, {"permission": "news:publish"})
    publisher = await sign_in.program(world.branches["kz.at"], "news:write", "news:publish")
    done = await client.patch(url, headers=publisher | {"if-match": '"1"'}, json=change)
    assert (done.status_code, done.json()["state"]) == (200, "scheduled")


async def test_withdrawn_article_is_not_edited(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    article = await make_article(
        session, world.branches["kz"], "Жол", state=ArticleState.withdrawn, withdrawn_reason="Қате"
    )
    headers = await sign_in.admin(world.branches["kz"], RoleName.editor) | {"if-match": '"1"'}
    answer = await client.patch(f"{NEWS}/{article.id}", headers=headers, json={"pinned": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "article_state")


@pytest.mark.parametrize("edit", [False, True])
async def test_article_has_a_text(client: httpx.AsyncClient, world: World, sign_in: SignIn, edit: bool) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor) | {"if-match": '"1"'}
    made = await client.post(NEWS, headers=headers, json=draft(world, **({} if edit else {"translations": {}})))
    if edit:
        made = await client.patch(f"{NEWS}/{made.json()['id']}", headers=headers, json={"translations": {}})
    assert (made.status_code, made.json()["code"]) == (422, "translation_missing")


async def test_schedule_lies_ahead(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor)
    url = f"{NEWS}/{(await client.post(NEWS, headers=headers, json=draft(world))).json()['id']}/schedule"
    past = await client.post(url, headers=headers, json={"publish_at": (utc_now() - timedelta(1)).isoformat()})
    assert (past.status_code, past.json()["code"]) == (422, "publish_time_past")
    ahead = await client.post(url, headers=headers, json=LATER)
    assert (ahead.status_code, ahead.json()["state"]) == (200, "scheduled")
    assert ahead.json()["publish_at"] == LATER["publish_at"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("kz.at.maqat", 200), ("kz.at.maqat.p1", 200), ("kz.at.maqat2", 404), ("kz.at", 404), ("kz.at.inder", 404)],
)
async def test_outsiders_get_404(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn, path: str, status: int
) -> None:
    article = await make_article(session, world.branches[path], "Жол", state=ArticleState.draft)
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor)
    assert (await client.get(f"{NEWS}/{article.id}", headers=headers)).status_code == status
    created = await client.post(NEWS, headers=headers, json=draft(world, path))
    assert created.status_code == (201 if status == 200 else 404)
    listed = (await client.get(NEWS, headers=headers)).json()["items"]
    assert (str(article.id) in {item["id"] for item in listed}) == (status == 200)


async def test_treasurer_is_forbidden(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.treasurer)
    assert (await client.get(NEWS, headers=headers)).status_code == 403
    assert (await client.post(NEWS, headers=headers, json=draft(world))).status_code == 403


async def test_list_pages_and_filters(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    names = [f"№ {number}" for number in range(5)]
    for name in names:
        await make_article(session, world.branches["kz.at.maqat"], name, state=ArticleState.draft)
    await make_article(session, world.branches["kz.at.inder"], "көрші")
    headers = await sign_in.program(world.branches["kz"], "news:read")
    everything = (await client.get(NEWS, headers=headers)).json()
    assert [item["title"]["kk"] for item in everything["items"]] == ["көрші", *reversed(names)]
    query: dict[str, Any] = {"branch_id": str(world.branches["kz.at.maqat"].id), "state": "draft", "limit": 2}
    seen: list[str] = []
    while query.get("cursor", "") is not None:
        page = (await client.get(NEWS, headers=headers, params=query)).json()
        seen += [item["title"]["kk"] for item in page["items"]]
        query["cursor"] = page["next_cursor"]
    assert seen == names[::-1]


@pytest.mark.parametrize("notify", [False, True])
async def test_only_an_article_marked_so_is_announced(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn, notify: bool
) -> None:
    headers = await sign_in.program(world.branches["kz.at"], "news:write", "news:publish")
    made = (await client.post(NEWS, headers=headers, json=draft(world, notify=notify))).json()
    assert (await session.exec(select(PushCampaign))).all() == []
    await client.post(f"{NEWS}/{made['id']}/publish", headers=headers)
    campaigns = (await session.exec(select(PushCampaign))).all()
    assert [str(campaign.link_id) for campaign in campaigns] == ([made["id"]] if notify else [])
    await client.post(f"{NEWS}/{made['id']}/withdraw", headers=headers, json=REASON)
    for campaign in campaigns:
        await session.refresh(campaign)
        assert campaign.state is CampaignState.cancelled


async def test_edit_of_what_is_published_meanwhile_is_stale(
    client: httpx.AsyncClient, world: World, session: AsyncSession, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor)
    made = (await client.post(NEWS, headers=headers, json=draft(world))).json()
    await client.post(f"{NEWS}/{made['id']}/publish", headers=headers)
    stale = await client.patch(f"{NEWS}/{made['id']}", headers=headers | {"if-match": '"1"'}, json={"pinned": True})
    assert stale.status_code == 412
    assert (await session.exec(select(Article.pinned))).one() is False
