"""Sessions: the token rotates, a lost answer is forgiven, a stolen token ends the family."""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
import time_machine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account, AccountState, AuthSession, RefreshToken
from tests.factories.sign_in import Phone
from tests.factories.world import SignIn, World


async def is_refused(phone: Phone, token: str) -> bool:
    """Whether a refresh token continues nothing."""
    answer = await phone.refresh(token)
    return (answer.status_code, answer.json().get("code")) == (401, "session_ended")


async def test_refresh_token_rotates_and_the_session_stays(phone: Phone, clock: time_machine.Traveller) -> None:
    first = await phone.sign_in()
    clock.shift(timedelta(minutes=10))
    assert (await phone.get_me(first["access_token"])).status_code == 401
    second = (await phone.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await phone.get_me(second["access_token"])).status_code == 200
    clock.shift(timedelta(days=59))
    third = (await phone.refresh(second["refresh_token"])).json()
    assert (await phone.get_me(third["access_token"])).status_code == 200


async def test_lost_answer_is_given_again_within_the_grace(phone: Phone, clock: time_machine.Traveller) -> None:
    first = (await phone.sign_in())["refresh_token"]
    second = (await phone.refresh(first)).json()["refresh_token"]
    clock.shift(timedelta(seconds=30))
    assert (await phone.refresh(first)).json()["refresh_token"] == second
    assert (await phone.refresh(second)).status_code == 200


async def test_old_token_after_the_grace_ends_the_family(phone: Phone, clock: time_machine.Traveller) -> None:
    first = (await phone.sign_in())["refresh_token"]
    second = (await phone.refresh(first)).json()
    clock.shift(timedelta(seconds=31))
    assert (await phone.get_me(second["access_token"])).status_code == 200
    assert await is_refused(phone, first)
    assert (await phone.get_me(second["access_token"])).status_code == 401
    assert await is_refused(phone, second["refresh_token"])


async def test_old_token_ends_the_family_at_once_when_its_successor_was_used(
    phone: Phone, clock: time_machine.Traveller
) -> None:
    first = (await phone.sign_in())["refresh_token"]
    second = (await phone.refresh(first)).json()["refresh_token"]
    third = (await phone.refresh(second)).json()["refresh_token"]
    assert await is_refused(phone, first)
    assert await is_refused(phone, third)


async def test_reuse_ends_one_family_only(phone: Phone, session: AsyncSession, clock: time_machine.Traveller) -> None:
    stolen, other = await phone.sign_in(), await phone.sign_in()
    await phone.refresh(stolen["refresh_token"])
    clock.shift(timedelta(minutes=1))
    assert await is_refused(phone, stolen["refresh_token"])
    assert (await phone.get_me(other["access_token"])).status_code == 200
    reasons = (await session.exec(select(AuthSession.revoked_reason).order_by(col(AuthSession.id)))).all()
    assert reasons == ["token_reused", None]


async def test_refresh_token_expires(phone: Phone, clock: time_machine.Traveller) -> None:
    tokens = await phone.sign_in()
    clock.shift(timedelta(days=60))
    assert await is_refused(phone, tokens["refresh_token"])


async def test_unknown_refresh_token_continues_nothing(phone: Phone) -> None:
    assert await is_refused(phone, "kS2v9k1cVfQ0b7mO8yq5zXw3n4t6u8r1p2a9s0d7f6g")


@pytest.mark.parametrize("state", [AccountState.blocked, AccountState.erased])
async def test_closed_account_loses_its_sessions_at_once(
    phone: Phone, session: AsyncSession, state: AccountState
) -> None:
    tokens = await phone.sign_in()
    await session.exec(sa.update(Account).values(state=state))
    await session.commit()
    assert (await phone.get_me(tokens["access_token"])).status_code == 401
    assert await is_refused(phone, tokens["refresh_token"])


async def test_refresh_tokens_are_stored_as_hashes(phone: Phone, session: AsyncSession) -> None:
    first = (await phone.sign_in())["refresh_token"]
    second = (await phone.refresh(first)).json()["refresh_token"]
    stored = (await session.exec(select(RefreshToken.token_hash))).all()
    assert [len(digest) for digest in stored] == [32, 32]
    assert not {first.encode(), second.encode()} & set(stored)


async def test_signing_in_again_on_the_same_installation_replaces_its_session(phone: Phone) -> None:
    installation_id = str(uuid4())
    first, second = await phone.sign_in(installation_id), await phone.sign_in(installation_id)
    assert (await phone.get_me(first["access_token"])).status_code == 401
    assert (await phone.get_me(second["access_token"])).status_code == 200


async def test_use_of_a_session_is_written_at_refresh_only(
    phone: Phone, session: AsyncSession, clock: time_machine.Traveller
) -> None:
    tokens = await phone.sign_in()
    opened_at = (await session.exec(select(AuthSession.last_seen_at))).one()
    clock.shift(timedelta(minutes=5))
    await phone.get_me(tokens["access_token"])
    assert (await session.exec(select(AuthSession.last_seen_at))).one() == opened_at
    await phone.refresh(tokens["refresh_token"])
    assert (await session.exec(select(AuthSession.last_seen_at))).one() == opened_at + timedelta(minutes=5)


def bearer(tokens: dict[str, str]) -> dict[str, str]:
    """The headers of a signed-in request."""
    return {"authorization": f"Bearer {tokens['access_token']}"}


async def test_own_sessions_are_listed_and_one_of_them_is_the_current(phone: Phone, world: World) -> None:
    await Phone(phone.client, phone.runtime, world.people["Aigul"].phone).sign_in()
    installation_ids = [str(uuid4()) for _ in range(3)]
    tokens = [await phone.sign_in(installation_id) for installation_id in installation_ids]
    items, cursor = [], None
    for more in (True, False):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await phone.client.get("/v1/auth/sessions", headers=bearer(tokens[1]), params=query)).json()
        items, cursor = items + page["items"], page["next_cursor"]
        assert (cursor is not None) is more
    assert [item["installation_id"] for item in items] == installation_ids[::-1]
    assert [item["current"] for item in items] == [False, True, False]


async def test_sessions_that_ended_or_lapsed_are_not_listed(phone: Phone, clock: time_machine.Traveller) -> None:
    await phone.sign_in()
    clock.shift(timedelta(days=60))
    ended, tokens = await phone.sign_in(), await phone.sign_in()
    await phone.client.delete("/v1/auth/sessions/current", headers=bearer(ended))
    listed = (await phone.client.get("/v1/auth/sessions", headers=bearer(tokens))).json()["items"]
    assert [item["current"] for item in listed] == [True]


async def test_signing_out_stops_the_tokens_at_once(phone: Phone, session: AsyncSession) -> None:
    tokens = await phone.sign_in()
    answer = await phone.client.delete("/v1/auth/sessions/current", headers=bearer(tokens))
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await phone.get_me(tokens["access_token"])).status_code == 401
    assert await is_refused(phone, tokens["refresh_token"])
    assert (await session.exec(select(AuthSession.revoked_reason))).one() == "signed_out"


async def test_a_lost_phone_is_signed_out_from_another(phone: Phone) -> None:
    lost, kept = await phone.sign_in(), await phone.sign_in()
    listed = (await phone.client.get("/v1/auth/sessions", headers=bearer(lost))).json()["items"]
    (url,) = [f"/v1/auth/sessions/{item['id']}" for item in listed if item["current"]]
    assert (await phone.client.delete(url, headers=bearer(kept))).status_code == 204
    assert (await phone.get_me(lost["access_token"])).status_code == 401
    again = await phone.client.delete(url, headers=bearer(kept))
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


async def test_nobody_ends_or_sees_anothers_session(phone: Phone, world: World) -> None:
    mine = await phone.sign_in()
    hers = await Phone(phone.client, phone.runtime, world.people["Aigul"].phone).sign_in()
    (her_session,) = (await phone.client.get("/v1/auth/sessions", headers=bearer(hers))).json()["items"]
    answer = await phone.client.delete(f"/v1/auth/sessions/{her_session['id']}", headers=bearer(mine))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await phone.get_me(hers["access_token"])).status_code == 200


async def test_programs_have_no_sessions(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    headers = await sign_in.program(world.branches["kz"], "branches:read")
    answer = await client.get("/v1/auth/sessions", headers=headers)
    assert (answer.status_code, answer.json()["data"]) == (403, {"reason": "people_only"})
