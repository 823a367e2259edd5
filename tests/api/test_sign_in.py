"""From a phone number to a session: the answers, the limits, and what is told to nobody."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
import time_machine
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import Runtime
from models.accounts import Account, AccountState, SignInChallenge
from models.db import execute
from tests.factories.sign_in import Phone, another
from tests.factories.world import World


async def test_unknown_phone_signs_in_as_an_account_without_membership(phone: Phone) -> None:
    tokens = await phone.sign_in()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
    me = (await phone.get_me(tokens["access_token"])).json()
    assert (me["member_id"], me["branches"], me["roles"]) == (None, [], [])


async def test_first_sign_in_keeps_the_language_of_the_phone(phone: Phone, session: AsyncSession) -> None:
    phone.client.headers["accept-language"] = "ru"
    me = (await phone.get_me((await phone.sign_in())["access_token"])).json()
    assert me["language"] == "ru"


async def test_member_signs_in_as_themselves(phone: Phone, world: World) -> None:
    aigul = world.people["Aigul"]
    me = (await phone.get_me((await Phone(phone.client, phone.runtime, aigul.phone).sign_in())["access_token"])).json()
    assert (me["account_id"], me["member_id"]) == (str(aigul.account_id), str(aigul.member_id))


async def test_phone_may_be_typed_in_any_way(phone: Phone, session: AsyncSession) -> None:
    for typed in ("8 (701) 555-01-01", "7015550101", "+7 701 555 0101"):
        assert (await phone.client.post("/v1/auth/codes", json={"phone": typed})).status_code == 202
    assert len(set((await session.exec(select(SignInChallenge.phone_hash))).all())) == 1


@pytest.mark.parametrize("typed", ["12", "+7701", "mobile", "+77015550101000", "+999123456789"])
async def test_what_is_no_phone_is_refused(phone: Phone, typed: str) -> None:
    answer = await phone.client.post("/v1/auth/codes", json={"phone": typed})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_phone")
    assert answer.json()["data"] == {}


async def test_known_and_unknown_phone_get_the_same_answer_by_the_same_statements(
    phone: Phone, world: World, engine: AsyncEngine, clock: time_machine.Traveller
) -> None:
    seen = []
    for number in (world.people["Aigul"].phone, "+77015550199"):
        statements: list[str] = []  # not a stopwatch: the same statements are the same work

        def note(*context: Any, into: list[str] = statements) -> None:
            into.append(context[2])

        sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
        answer = await Phone(phone.client, phone.runtime, number).ask()
        sa.event.remove(engine.sync_engine, "before_cursor_execute", note)
        body = answer.json()
        assert body.pop("challenge_id")
        seen.append((answer.status_code, body, [text for text in statements if "SAVEPOINT" not in text]))
    assert seen[0] == seen[1]
    assert seen[0][:2] == (202, {"expires_at": "2026-03-10T05:05:00Z", "resend_after_s": 60})
    assert seen[0][2]
    assert not any("account" in statement for statement in seen[0][2])


async def test_three_codes_in_a_quarter_of_an_hour(phone: Phone, clock: time_machine.Traveller) -> None:
    waits = []
    for _ in range(3):
        waits.append((await phone.ask()).json()["resend_after_s"])
        clock.shift(timedelta(minutes=2))
    assert waits == [60, 60, 660]
    refused = await phone.ask()
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert (refused.headers["retry-after"], refused.json()["data"]) == ("540", {"retry_after_s": 540})
    assert (await Phone(phone.client, phone.runtime, "+77015550102").ask()).status_code == 202
    clock.shift(timedelta(seconds=539))
    assert (await phone.ask()).status_code == 429
    clock.shift(timedelta(seconds=1))
    assert (await phone.ask()).status_code == 202


async def test_ten_codes_a_day(phone: Phone, clock: time_machine.Traveller) -> None:
    for _ in range(10):
        assert (await phone.ask()).status_code == 202
        clock.shift(timedelta(minutes=20))
    refused = await phone.ask()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, str((24 * 60 - 200) * 60))
    clock.shift(timedelta(seconds=int(refused.headers["retry-after"])))
    assert (await phone.ask()).status_code == 202


async def test_fifth_wrong_code_is_the_last(phone: Phone) -> None:
    challenge_id = await phone.challenge()
    code = await phone.read_code(challenge_id)
    for tries_left in (4, 3, 2, 1, 0):
        answer = await phone.answer(challenge_id, another(code))
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_code")
        assert answer.json()["data"] == {"tries_left": tries_left}
    refused = await phone.answer(challenge_id, code)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tries")
    assert refused.headers["retry-after"] == "1"


async def test_code_works_once(phone: Phone) -> None:
    challenge_id = await phone.challenge()
    code = await phone.read_code(challenge_id)
    assert (await phone.answer(challenge_id, code)).status_code == 201
    again = await phone.answer(challenge_id, code)
    assert (again.status_code, again.json()["code"]) == (422, "code_expired")


async def test_code_expires(phone: Phone, clock: time_machine.Traveller) -> None:
    challenge_id = await phone.challenge()
    code = await phone.read_code(challenge_id)
    clock.shift(timedelta(minutes=5))
    expired = await phone.answer(challenge_id, code)
    unknown = await phone.answer("5f1c2d3e-4b5a-4978-8695-a4b3c2d1e0f1", code)
    for refused in (expired, unknown):
        assert (refused.status_code, refused.json()["code"]) == (422, "code_expired")


async def test_wrong_codes_of_all_phones_together_bring_a_pause(
    phone: Phone, runtime: Runtime, app: FastAPI, clock: time_machine.Traveller
) -> None:
    tight = replace(runtime, settings=runtime.settings.model_copy(update={"code_failures_per_hour": 3}))
    app.state.runtime = tight
    for number in ("+77015550111", "+77015550112", "+77015550113"):
        other = Phone(phone.client, tight, number)
        challenge_id = await other.challenge()
        await other.answer(challenge_id, another(await other.read_code(challenge_id)))
        clock.shift(timedelta(minutes=1))
    challenge_id = await phone.challenge()
    code = await phone.read_code(challenge_id)
    refused = await phone.answer(challenge_id, code)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["retry-after"] == str(57 * 60)
    clock.shift(timedelta(minutes=57))
    assert (await phone.sign_in())["token_type"] == "Bearer"


async def test_codes_for_all_phones_together_bring_a_pause(
    phone: Phone, runtime: Runtime, app: FastAPI, clock: time_machine.Traveller
) -> None:
    app.state.runtime = replace(runtime, settings=runtime.settings.model_copy(update={"code_sends_per_hour": 2}))
    for number in ("+77015550111", "+77015550112"):
        assert (await Phone(phone.client, runtime, number).ask()).status_code == 202
        clock.shift(timedelta(minutes=1))
    refused = await phone.ask()
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["retry-after"] == str(58 * 60)
    clock.shift(timedelta(minutes=58))
    assert (await phone.ask()).status_code == 202


async def test_phones_of_regions_that_are_not_served_get_no_code(phone: Phone, runtime: Runtime, app: FastAPI) -> None:
    abroad = {"phone": "+79161234567"}
    refused = await phone.client.post("/v1/auth/codes", json=abroad)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_phone")
    both = runtime.settings.model_copy(update={"phone_regions": frozenset({"KZ", "RU"})})
    app.state.runtime = replace(runtime, settings=both)
    assert (await phone.client.post("/v1/auth/codes", json=abroad)).status_code == 202


@pytest.mark.parametrize("state", [AccountState.blocked, AccountState.erased])
async def test_closed_account_is_refused_without_telling_why(
    phone: Phone, world: World, session: AsyncSession, state: AccountState
) -> None:
    aigul = world.people["Aigul"]
    await session.exec(sa.update(Account).where(col(Account.id) == aigul.account_id).values(state=state))
    await session.commit()
    own = Phone(phone.client, phone.runtime, aigul.phone)
    challenge_id = await own.challenge()
    refused = await own.answer(challenge_id, await own.read_code(challenge_id))
    assert (refused.status_code, refused.json()["code"]) == (403, "account_unavailable")
    assert refused.json()["data"] == {}


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "१२३४५६", " 12345", 123456, None])
async def test_malformed_code_is_not_counted(phone: Phone, session: AsyncSession, code: object) -> None:
    challenge_id = await phone.challenge()
    body = {"challenge_id": challenge_id, "code": code, "installation_id": challenge_id}
    answer = await phone.client.post("/v1/auth/sessions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert (await session.exec(select(SignInChallenge.failed_count))).one() == 0


async def test_code_and_phone_stand_nowhere_but_in_the_sms(
    phone: Phone, session: AsyncSession, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logged:
        challenge_id = await phone.challenge()
        code = await phone.read_code(challenge_id)
        await phone.answer(challenge_id, another(code))
        await phone.answer(challenge_id, code)
    await execute(session, sa.text("SET LOCAL ROLE unqatu_worker"))  # the application cannot read the queue
    rows = await execute(
        session,
        sa.text("""
            SELECT j.task_name, j.args::text, (SELECT json_agg(c)::text FROM sign_in_challenge c)
              FROM procrastinate_jobs j
        """),
    )
    ((task, args, challenges),) = rows.all()
    assert (task, json.loads(args)) == ("sign_in.send_code", {"challenge_id": challenge_id})
    kept = " ".join([challenges.replace(challenge_id, ""), json.dumps(logged), caplog.text, *capsys.readouterr()])
    assert len(logged) == 3
    for secret in (code, phone.number, phone.number[1:]):
        assert secret not in kept
