"""Cover pictures: sent by an editor, shown to those who may read the article, given up when replaced."""

from typing import Any

import httpx
import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.roles import RoleName
from models.uploads import Upload
from tests.factories import files
from tests.factories.news import text_in
from tests.factories.world import SignIn, World

NEWS = "/v1/admin/news"


@pytest.fixture
async def editor(world: World, sign_in: SignIn) -> dict[str, str]:
    """An editor of Maqat."""
    return await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor)


async def send_picture(client: httpx.AsyncClient, headers: dict[str, str]) -> str:
    """The id of a new upload."""
    sent = await client.post("/v1/uploads", headers=headers | {"content-type": "image/jpeg"}, content=files.picture())
    return str(sent.json()["id"])


async def write(
    client: httpx.AsyncClient, world: World, headers: dict[str, str], cover_upload_id: str | None
) -> httpx.Response:
    """A draft with a cover."""
    body: dict[str, Any] = {
        "branch_id": str(world.branches["kz.at.maqat"].id),
        "translations": {"kk": text_in("Жол")},
        "cover_upload_id": cover_upload_id,
    }
    return await client.post(NEWS, headers=headers, json=body)


async def test_cover_is_shown_to_the_readers_of_the_article_only(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, editor: dict[str, str]
) -> None:
    upload_id = await send_picture(client, editor)
    url = f"/v1/files/{upload_id}"
    assert (await client.get(url, headers=editor)).status_code == 404
    article = (await write(client, world, editor, upload_id)).json()
    reader, neighbour = [await sign_in(world.people[name].account_id) for name in ("Aigul", "Saule")]
    assert (await client.get(url, headers=reader)).status_code == 404
    assert (await client.get(url, headers=editor)).status_code == 200

    await client.post(f"{NEWS}/{article['id']}/publish", headers=editor)
    shown = await client.get(url, headers=reader)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.headers["content-disposition"].startswith("inline;")
    assert shown.headers["cache-control"] == "private, max-age=86400"
    assert shown.content.startswith(b"\xff\xd8")
    assert (await client.get(url, headers=neighbour)).status_code == 404
    assert (await client.get(url)).status_code == 401

    cover = {"id": upload_id, "url": url}
    assert (await client.get("/v1/news", headers=reader)).json()["items"][0]["cover"] == cover
    assert (await client.get(f"/v1/news/{article['id']}", headers=reader)).json()["cover"] == cover
    found = await client.get("/v1/news/search", headers=reader, params={"q": "жолдар"})
    assert found.json()["items"][0]["cover"] == cover


async def test_only_a_picture_of_ones_own_becomes_a_cover_and_once(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, editor: dict[str, str]
) -> None:
    other = await sign_in(world.people["Aigul"].account_id)
    refused = await write(client, world, editor, await send_picture(client, other))
    assert (refused.status_code, refused.json()["code"]) == (422, "upload_not_usable")
    own = await send_picture(client, editor)
    assert (await write(client, world, editor, own)).status_code == 201
    again = await write(client, world, editor, own)
    assert (again.status_code, again.json()["code"]) == (422, "upload_not_usable")


async def test_replaced_cover_is_given_up(
    client: httpx.AsyncClient, world: World, session: AsyncSession, editor: dict[str, str]
) -> None:
    first, second = [await send_picture(client, editor) for _ in range(2)]
    article = (await write(client, world, editor, first)).json()
    url = f"{NEWS}/{article['id']}"
    steps: list[tuple[dict[str, Any], str | None]] = [
        ({"pinned": True}, first),
        ({"cover_upload_id": first}, first),
        ({"cover_upload_id": second}, second),
        ({"cover_upload_id": None}, None),
    ]
    for version, (change, cover) in enumerate(steps, start=1):
        changed = await client.patch(url, headers=editor | {"if-match": f'"{version}"'}, json=change)
        assert (changed.status_code, changed.json()["cover_upload_id"]) == (200, cover)
        used = await session.exec(select(Upload.id).where(col(Upload.attached_at).is_not(None)))
        assert [str(upload_id) for upload_id in used] == ([cover] if cover else [])
