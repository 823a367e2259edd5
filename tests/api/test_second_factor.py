"""The second factor: who needs one, how it is enrolled, and that one password opens one door once."""

from datetime import timedelta
from uuid import UUID

import httpx
import pyotp
import pytest
import sqlalchemy as sa
import time_machine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import Runtime
from models.accounts import Account, AuthSession
from models.audit import AuditEvent
from models.base import utc_now
from models.roles import RoleName
from services.errors import NotFoundError
from services.keyring import load_keys
from services.sign_in import second_factor
from tests.factories.sign_in import another
from tests.factories.world import SignIn, World, give_role

Headers = dict[str, str]


@pytest.fixture
def aigul(world: World) -> UUID:
    """The account of somebody who has just become an admin."""
    return world.people["Aigul"].account_id


@pytest.fixture
async def headers(world: World, session: AsyncSession, sign_in: SignIn, aigul: UUID) -> Headers:
    """Her session, not raised."""
    await give_role(session, aigul, world.branches["kz.at.maqat"], RoleName.branch_admin)
    return await sign_in(aigul)


async def enrol(client: httpx.AsyncClient, headers: Headers) -> pyotp.TOTP:
    """What the authenticator app makes of the QR code."""
    answer = await client.post("/v1/auth/second-factor/enrolment", headers=headers)
    assert answer.status_code == 201, answer.text
    app = pyotp.parse_uri(answer.json()["otpauth_uri"])
    assert isinstance(app, pyotp.TOTP)
    return app


async def give(client: httpx.AsyncClient, headers: Headers, code: str) -> httpx.Response:
    """Send a one-time password."""
    return await client.post("/v1/auth/second-factor", headers=headers, json={"code": code})


async def is_raised(client: httpx.AsyncClient, headers: Headers) -> bool:
    """Whether admin work is open."""
    answer = await client.get("/v1/admin/branches", headers=headers)
    assert answer.status_code == 200 or answer.json()["code"] == "second_factor_required"
    return answer.status_code == 200


async def test_first_right_password_confirms_and_raises(
    client: httpx.AsyncClient, headers: Headers, session: AsyncSession, aigul: UUID, clock: time_machine.Traveller
) -> None:
    app = await enrol(client, headers)
    assert not await is_raised(client, headers)
    answer = await give(client, headers, app.at(utc_now()))
    assert (answer.status_code, answer.json()) == (200, {"raised_until": "2026-03-10T17:00:00Z"})
    assert await is_raised(client, headers)
    recorded = (await session.exec(select(AuditEvent.action).where(col(AuditEvent.object_id) == aigul))).all()
    assert sorted(recorded) == ["second_factor:confirm", "second_factor:enrol"]


async def test_secret_is_shown_once_and_stored_encrypted(
    client: httpx.AsyncClient, headers: Headers, session: AsyncSession, aigul: UUID, world: World, runtime: Runtime
) -> None:
    app = await enrol(client, headers)
    assert (await give(client, headers, app.at(utc_now()))).status_code == 200
    again = await client.post("/v1/auth/second-factor/enrolment", headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "second_factor_exists")
    account = (await session.exec(select(Account).where(col(Account.id) == aigul))).one()
    assert app.secret.encode() not in (account.totp_secret_encrypted or b"")


async def test_enrolment_that_was_not_confirmed_is_replaced(
    client: httpx.AsyncClient, headers: Headers, clock: time_machine.Traveller
) -> None:
    first, second = await enrol(client, headers), await enrol(client, headers)
    assert (await give(client, headers, first.at(utc_now()))).json()["code"] == "wrong_password"
    assert (await give(client, headers, second.at(utc_now()))).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(-60, 422), (-30, 200), (0, 200), (30, 200), (60, 422)])
async def test_a_clock_may_be_wrong_by_one_step(
    client: httpx.AsyncClient, headers: Headers, clock: time_machine.Traveller, seconds: int, status: int
) -> None:
    app = await enrol(client, headers)
    assert (await give(client, headers, app.at(utc_now() + timedelta(seconds=seconds)))).status_code == status


async def test_password_works_once_and_an_older_one_not_after_it(
    client: httpx.AsyncClient, headers: Headers, clock: time_machine.Traveller
) -> None:
    app = await enrol(client, headers)
    used, older = app.at(utc_now()), app.at(utc_now() - timedelta(seconds=30))
    assert (await give(client, headers, used)).status_code == 200
    for password in (used, older):
        refused = await give(client, headers, password)
        assert (refused.status_code, refused.json()["code"]) == (422, "wrong_password")
    clock.shift(timedelta(seconds=30))
    assert (await give(client, headers, app.at(utc_now()))).status_code == 200


async def test_fifth_wrong_password_brings_a_pause(
    client: httpx.AsyncClient, headers: Headers, clock: time_machine.Traveller
) -> None:
    app = await enrol(client, headers)
    for tries_left in (4, 3, 2, 1, 0):
        refused = await give(client, headers, another(app.at(utc_now())))
        assert (refused.status_code, refused.json()["data"]) == (422, {"tries_left": tries_left})
        clock.shift(timedelta(minutes=10))
    paused = await give(client, headers, app.at(utc_now()))
    assert (paused.status_code, paused.json()["code"]) == (429, "too_many_requests")
    assert paused.headers["retry-after"] == "3000"
    clock.shift(timedelta(minutes=50))
    assert (await give(client, headers, another(app.at(utc_now())))).json()["data"] == {"tries_left": 4}
    assert (await give(client, headers, app.at(utc_now()))).status_code == 200


async def test_right_password_gives_all_tries_back(client: httpx.AsyncClient, headers: Headers) -> None:
    app = await enrol(client, headers)
    for _ in range(4):
        await give(client, headers, another(app.at(utc_now())))
    assert (await give(client, headers, app.at(utc_now()))).status_code == 200
    assert (await give(client, headers, another(app.at(utc_now())))).json()["data"] == {"tries_left": 4}


async def test_raised_session_is_lowered_again_after_its_time(
    client: httpx.AsyncClient, headers: Headers, runtime: Runtime, session: AsyncSession
) -> None:
    app = await enrol(client, headers)
    assert (await give(client, headers, app.at(utc_now()))).status_code == 200
    lifetime = runtime.settings.second_factor_lifetime
    await session.exec(sa.update(AuthSession).values(second_factor_at=col(AuthSession.second_factor_at) - lifetime))
    await session.commit()
    assert not await is_raised(client, headers)


async def test_only_the_session_that_gave_it_is_raised(
    client: httpx.AsyncClient, headers: Headers, sign_in: SignIn, aigul: UUID
) -> None:
    app = await enrol(client, headers)
    other = await sign_in(aigul)
    assert (await give(client, headers, app.at(utc_now()))).status_code == 200
    assert not await is_raised(client, other)


@pytest.mark.parametrize("name", ["Marat", "Daulet"])
async def test_member_and_chair_need_none_and_get_none(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, name: str
) -> None:
    headers = await sign_in(world.people[name].account_id)
    enrolment = await client.post("/v1/auth/second-factor/enrolment", headers=headers)
    for answer in (enrolment, await give(client, headers, "123456")):
        assert (answer.status_code, answer.json()["data"]) == (403, {"reason": "no_admin_role"})


async def test_without_enrolment_there_is_nothing_to_answer(client: httpx.AsyncClient, headers: Headers) -> None:
    answer = await give(client, headers, "123456")
    assert (answer.status_code, answer.json()["code"]) == (409, "second_factor_missing")


async def test_enrolment_moves_the_phone_to_the_current_key(
    session: AsyncSession, runtime: Runtime, world: World, aigul: UUID
) -> None:
    account = await session.get_one(Account, aigul)
    folder = runtime.settings.keys
    newer = folder / "encryption" / "99999999999999-00000000.key"
    newer.write_bytes(bytes(32))
    try:
        keys = load_keys(folder)
    finally:
        newer.unlink()
    second_factor.encrypt_secret(account, keys, "JBSWY3DPEHPK3PXP")
    assert account.encryption_key_id == newer.stem
    opened = keys.decrypt(account.phone_encrypted or b"", key_id=newer.stem, purpose="account.phone")
    assert (opened, second_factor.decrypt_secret(account, keys)) == (world.people["Aigul"].phone, "JBSWY3DPEHPK3PXP")


async def test_reset_of_an_unknown_account_is_refused(session: AsyncSession, world: World) -> None:
    with pytest.raises(NotFoundError):
        await second_factor.reset(session, world.people["Aigul"].member_id, now=utc_now())


async def test_after_a_reset_admin_work_is_closed_until_a_new_enrolment(
    client: httpx.AsyncClient, headers: Headers, session: AsyncSession, aigul: UUID
) -> None:
    app = await enrol(client, headers)
    assert (await give(client, headers, app.at(utc_now()))).status_code == 200
    await second_factor.reset(session, aigul, now=utc_now())
    await session.commit()
    assert not await is_raised(client, headers)
    assert (await give(client, headers, app.at(utc_now()))).json()["code"] == "second_factor_missing"
    renewed = await enrol(client, headers)
    assert (await give(client, headers, renewed.at(utc_now()))).status_code == 200
