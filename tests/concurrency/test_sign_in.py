"""Signing in by many at once, on real connections that commit: limits hold, and nothing is given twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pyotp
import pytest_asyncio

from api.app import create_app, create_edge
from api.runtime import APP_ROLE, Runtime, build_runtime
from api.settings import Settings
from models.base import utc_now
from models.db import create_engine, session_factory
from models.roles import RoleName
from services.sign_in.codes import code_of
from tests.factories.sign_in import Phone, another
from tests.factories.world import SignIn, give_role, make_account, make_branch

PARALLEL = 12
BUDGET = 7


@dataclass(frozen=True)
class Ground:
    """The API on a database of its own."""

    url: str
    runtime: Runtime
    phone: Phone

    def code(self, challenge_id: str) -> str:
        """The code of a challenge."""
        return code_of(self.runtime.keys, UUID(challenge_id))

    def read(self, query: str) -> Any:
        """One value from the database."""
        with psycopg.connect(self.url) as owner:
            row = owner.execute(query).fetchone()
        assert row is not None
        return row[0]


@pytest_asyncio.fixture(loop_scope="session")
async def ground(cloned_database: str, settings: Settings) -> AsyncIterator[Ground]:
    """As many connections as requests, so that all really run at once."""
    limits = {"code_failures_per_hour": BUDGET, "code_sends_per_hour": PARALLEL}
    own = settings.model_copy(update={"database_url": cloned_database, **limits})
    engine = create_engine(cloned_database, APP_ROLE, pool_size=PARALLEL)
    runtime = build_runtime(own, session_factory(engine))
    transport = httpx.ASGITransport(app=create_edge(create_app(own, runtime)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Ground(cloned_database, runtime, Phone(client, runtime))
    await engine.dispose()


async def together(*requests: Coroutine[Any, Any, httpx.Response]) -> list[httpx.Response]:
    """All at once."""
    return list(await asyncio.gather(*requests))


def outcomes(answers: list[httpx.Response]) -> Counter[str]:
    """How many ended how."""
    return Counter("done" if answer.is_success else answer.json()["code"] for answer in answers)


async def test_parallel_tries_never_exceed_five(ground: Ground) -> None:
    challenge_id = await ground.phone.challenge()
    wrong = another(ground.code(challenge_id))
    answers = await together(*(ground.phone.answer(challenge_id, wrong) for _ in range(PARALLEL)))
    assert outcomes(answers) == {"wrong_code": 5, "too_many_tries": PARALLEL - 5}
    assert {a.json()["data"].get("tries_left") for a in answers} == {0, 1, 2, 3, 4, None}
    assert ground.read("SELECT failed_count FROM sign_in_challenge") == 5


async def test_one_code_opens_one_session(ground: Ground) -> None:
    challenge_id = await ground.phone.challenge()
    code = ground.code(challenge_id)
    answers = await together(*(ground.phone.answer(challenge_id, code) for _ in range(PARALLEL)))
    assert outcomes(answers) == {"done": 1, "code_expired": PARALLEL - 1}
    assert ground.read("SELECT count(*) FROM auth_session") == 1


async def test_parallel_asking_gets_three_codes(ground: Ground) -> None:
    answers = await together(*(ground.phone.ask() for _ in range(PARALLEL)))
    assert outcomes(answers) == {"done": 3, "too_many_requests": PARALLEL - 3}
    assert ground.read("SELECT count(*) FROM procrastinate_jobs") == 3


async def test_codes_for_many_phones_never_exceed_the_budget(ground: Ground) -> None:
    phones = [Phone(ground.phone.client, ground.runtime, f"+770155502{number:02d}") for number in range(PARALLEL + 3)]
    answers = await together(*(phone.ask() for phone in phones))
    assert outcomes(answers) == {"done": PARALLEL, "too_many_requests": 3}
    assert ground.read("SELECT count(*) FROM procrastinate_jobs") == PARALLEL


async def test_wrong_codes_of_many_phones_never_exceed_the_budget(ground: Ground) -> None:
    phones = [Phone(ground.phone.client, ground.runtime, f"+770155502{number:02d}") for number in range(PARALLEL)]
    ids = [await phone.challenge() for phone in phones]
    tries = (phone.answer(id_, another(ground.code(id_))) for phone, id_ in zip(phones, ids, strict=True))
    assert outcomes(await together(*tries)) == {"wrong_code": BUDGET, "too_many_requests": PARALLEL - BUDGET}
    assert ground.read("SELECT sum(failed_count) FROM sign_in_challenge") == BUDGET


async def test_first_sign_ins_at_once_make_one_account(ground: Ground) -> None:
    ids = [await ground.phone.challenge() for _ in range(3)]
    answers = await together(*(ground.phone.answer(id_, ground.code(id_)) for id_ in ids))
    assert outcomes(answers) == {"done": 3}
    assert ground.read("SELECT count(*) FROM account") == 1
    assert ground.read("SELECT count(*) FROM auth_session") == 3


async def test_sign_ins_at_once_on_one_installation_leave_one_session(ground: Ground) -> None:
    installation_id = str(uuid4())
    ids = [await ground.phone.challenge() for _ in range(3)]
    answers = await together(*(ground.phone.answer(id_, ground.code(id_), installation_id) for id_ in ids))
    assert outcomes(answers) == {"done": 3}
    assert ground.read("SELECT count(*) FROM auth_session WHERE revoked_at IS NULL") == 1


async def test_parallel_refreshes_get_the_same_successor(ground: Ground) -> None:
    token = (await ground.phone.sign_in())["refresh_token"]
    answers = await together(*(ground.phone.refresh(token) for _ in range(PARALLEL)))
    assert outcomes(answers) == {"done": PARALLEL}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert ground.read("SELECT count(*) FROM refresh_token") == 2
    assert ground.read("SELECT count(*) FROM refresh_token WHERE used_at IS NULL") == 1


async def test_one_password_raises_once_and_its_repetitions_are_counted(ground: Ground) -> None:
    async with ground.runtime.sessions() as session:
        branch = make_branch("kz", None)
        session.add(branch)
        await session.flush()
        account = await make_account(session, ground.runtime.keys, "+77015550101")
        await give_role(session, account.id, branch, RoleName.head_office_admin)
        headers = await SignIn(session, ground.runtime)(account.id)
    client = ground.phone.client
    enrolled = await client.post("/v1/auth/second-factor/enrolment", headers=headers)
    app = pyotp.parse_uri(enrolled.json()["otpauth_uri"])
    assert isinstance(app, pyotp.TOTP)
    body = {"code": app.at(utc_now())}
    answers = await together(
        *(client.post("/v1/auth/second-factor", headers=headers, json=body) for _ in range(PARALLEL))
    )
    assert outcomes(answers) == {"done": 1, "wrong_password": 5, "too_many_requests": PARALLEL - 6}


async def test_caches_are_told_when_a_session_ends_and_not_when_it_is_used(ground: Ground) -> None:
    ended, stolen = await ground.phone.sign_in(), await ground.phone.sign_in()
    later = (
        await ground.phone.refresh((await ground.phone.refresh(stolen["refresh_token"])).json()["refresh_token"])
    ).json()
    account_id = (await ground.phone.get_me(ended["access_token"])).json()["account_id"]
    listening = await psycopg.AsyncConnection.connect(ground.url, autocommit=True)
    async with listening:
        await listening.execute("LISTEN unqatu_changes")
        assert (await ground.phone.refresh(later["refresh_token"])).status_code == 200
        headers = {"authorization": f"Bearer {ended['access_token']}"}
        assert (await ground.phone.client.delete("/v1/auth/sessions/current", headers=headers)).status_code == 204
        assert (await ground.phone.refresh(stolen["refresh_token"])).status_code == 401
        told = [notice.payload async for notice in listening.notifies(timeout=5, stop_after=2)]
        told += [notice.payload async for notice in listening.notifies(timeout=0)]
    assert told == [f"account:{account_id}"] * 2
