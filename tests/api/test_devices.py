"""Phones register for push, move between accounts, and go at sign-out."""

from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import AuthSession
from models.base import utc_now
from models.push import Device
from services.actors import Actor
from services.sign_in.sessions import end_session
from tests.factories.devices import add_device
from tests.factories.world import SignIn, World

BODY = {
    "address": "dQw4w9WgXcQ:APA91b",
    "address_kind": "token",
    "platform": "android",
    "language": "ru",
    "app_version": "1.4.2",
}


async def register(client: httpx.AsyncClient, headers: dict[str, str], installation_id: UUID, **changes: str) -> int:
    url = f"/v1/me/devices/{installation_id}"
    return (await client.put(url, headers=headers, json=BODY | changes)).status_code


async def owners(session: AsyncSession) -> dict[str, UUID]:
    session.expire_all()
    return {device.address: device.account_id for device in (await session.exec(select(Device))).all()}


async def test_phone_registers_at_every_start(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    aigul, phone = world.people["Aigul"].account_id, uuid4()
    headers = await sign_in(aigul, on=phone)
    assert await register(client, headers, phone) == 204
    assert await register(client, headers, phone, address="renewed") == 204
    assert await owners(session) == {"renewed": aigul}


async def test_phone_moves_to_who_signs_in_on_it(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    marat, phone = world.people["Marat"].account_id, uuid4()
    await register(client, await sign_in(world.people["Aigul"].account_id, on=phone), phone)
    await register(client, await sign_in(marat, on=phone), phone)
    assert await owners(session) == {BODY["address"]: marat}


async def test_address_belongs_to_one_installation(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    aigul, first, reinstalled = world.people["Aigul"].account_id, uuid4(), uuid4()
    for installation_id in (first, reinstalled):
        await register(client, await sign_in(aigul, on=installation_id), installation_id)
    found = (await session.exec(select(Device.installation_id))).all()
    assert found == [reinstalled]


async def test_registering_revives_a_retired_address(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    aigul = world.people["Aigul"].account_id
    device = await add_device(session, aigul, BODY["address"])
    device.retired_at, device.retired_reason = device.created_at, "unregistered"
    await register(client, await sign_in(aigul, on=device.installation_id), device.installation_id)
    await session.refresh(device)
    assert (device.retired_at, device.retired_reason) == (None, None)


async def test_delete_leaves_a_phone_that_moved_to_somebody_else(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    phone = uuid4()
    aigul = await sign_in(world.people["Aigul"].account_id)
    marat = await sign_in(world.people["Marat"].account_id, on=phone)
    await register(client, marat, phone)
    assert (await client.delete(f"/v1/me/devices/{phone}", headers=aigul)).status_code == 204
    assert await owners(session) == {BODY["address"]: world.people["Marat"].account_id}
    assert (await client.delete(f"/v1/me/devices/{phone}", headers=marat)).status_code == 204
    assert await owners(session) == {}


async def test_sign_out_takes_the_phone_of_that_session_with_it(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    aigul = world.people["Aigul"].account_id
    headers = await sign_in(aigul)
    opened = (await session.exec(select(AuthSession))).one()
    assert await register(client, headers, opened.installation_id) == 204
    await add_device(session, aigul, "the tablet")
    await end_session(session, Actor(account_id=aigul), opened.id, now=utc_now())
    assert await owners(session) == {"the tablet": aigul}


async def test_session_registers_its_own_installation_only(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.put(f"/v1/me/devices/{uuid4()}", headers=headers, json=BODY)
    assert (answer.status_code, answer.json()["code"]) == (403, "other_installation")
    assert await owners(session) == {}


@pytest.mark.parametrize(
    "change",
    [{"address": ""}, {"address": "a b"}, {"address": "x" * 1025}, {"platform": "palm"}, {"app_version": "1 0"}],
)
async def test_nonsense_is_refused(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, change: dict[str, str]
) -> None:
    assert await register(client, await sign_in(world.people["Aigul"].account_id), uuid4(), **change) == 422
