"""Petitions through the API."""

from dataclasses import dataclass
from typing import Any

import httpx

from models.roles import RoleName
from tests.factories import files
from tests.factories.world import SignIn, World

TEXT = "Біздің көшеде жарық жоқ, балалар мектепке қараңғыда барады."
URL = "/v1/petitions"
DESK_URL = "/v1/admin/petitions"


async def file_petition(client: httpx.AsyncClient, headers: dict[str, str], **changes: Any) -> dict[str, Any]:
    """File a petition about a road; the receipt."""
    body = {"kind": "application", "category": "roads", "text": TEXT, "consent": True} | changes
    answer = await client.post(URL, headers=headers, json=body)
    assert answer.status_code == 201, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


async def send_photo(client: httpx.AsyncClient, headers: dict[str, str]) -> str:
    """Upload a photo; its id."""
    answer = await client.post("/v1/uploads", headers=headers | {"content-type": "image/jpeg"}, content=files.picture())
    upload_id: str = answer.json()["id"]
    return upload_id


@dataclass
class Desk:
    """Somebody at the petition desk, who always acts from the version read last."""

    client: httpx.AsyncClient
    headers: dict[str, str]

    async def read(self, number: str) -> httpx.Response:
        """One petition."""
        return await self.client.get(f"{DESK_URL}/{number}", headers=self.headers)

    async def act(self, number: str, act: str, *, version: str | None = None, **body: Any) -> httpx.Response:
        """One act, from the version given or the present one."""
        etag = version or (await self.read(number)).headers.get("etag", '"1"')
        headers = self.headers | {"if-match": etag}
        return await self.client.post(f"{DESK_URL}/{number}/{act}", headers=headers, json=body)

    async def do(self, number: str, *acts: str, **body: Any) -> dict[str, Any]:
        """Several acts that must succeed, the body for the last; the petition after them."""
        answer: dict[str, Any] = {}
        for act in acts:
            done = await self.act(number, act, **(body if act == acts[-1] else {}))
            assert done.status_code == 200, done.text
            answer = done.json()
        return answer


async def open_desk(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, path: str = "kz.at.maqat", role: RoleName | None = None
) -> Desk:
    """A desk in a branch."""
    return Desk(client, await sign_in.admin(world.branches[path], role or RoleName.petition_desk))


async def account_of(desk: Desk) -> str:
    """The account of whoever sits at a desk."""
    account_id: str = (await desk.client.get("/v1/me", headers=desk.headers)).json()["account_id"]
    return account_id
