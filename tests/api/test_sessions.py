"""Sessions: the token rotates, a lost answer is forgiven, a stolen token ends the family."""

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
import time_machine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account, AccountState, AuthSession, RefreshToken
from tests.factories.sign_in import Phone


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
