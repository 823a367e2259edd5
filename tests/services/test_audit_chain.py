"""The chain over the audit: what is sealed when, and that each kind of tampering is found and named."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import psycopg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from api.runtime import APP_ROLE, WORKER_ROLE
from models.db import Sessions, create_engine, session_factory
from services import audit
from services.actors import Actor
from services.audit_chain import Anchor, read_head, seal_events, verify_chain
from services.keyring import AuditKeys, load_audit_keys, make_keys

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
ACTOR = Actor(account_id=uuid4(), request_id="r1")

Tamper = Callable[[str], None]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> AuditKeys:
    """The audit's keys of an installation."""
    folder: Path = tmp_path_factory.mktemp("keys")
    make_keys(folder, now=NOW)
    return load_audit_keys(folder)


async def engine_sessions(url: str, role: str) -> AsyncIterator[Sessions]:
    """Sessions on a database of one's own."""
    engine: AsyncEngine = create_engine(url, role, pool_size=3)
    yield session_factory(engine)
    await engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def api(cloned_database: str) -> AsyncIterator[Sessions]:
    """Sessions as the API has them."""
    async for sessions in engine_sessions(cloned_database, APP_ROLE):
        yield sessions


@pytest_asyncio.fixture(loop_scope="session")
async def worker(cloned_database: str) -> AsyncIterator[Sessions]:
    """Sessions as workers have them."""
    async for sessions in engine_sessions(cloned_database, WORKER_ROLE):
        yield sessions


@pytest.fixture
def tamper(cloned_database: str) -> Tamper:
    """SQL by somebody who owns the database and disables its guards."""

    def run(statement: str) -> None:
        with psycopg.connect(cloned_database, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statement)  # type: ignore[arg-type]  # psycopg wants literals; these are the test's own

    return run


async def write(api: Sessions, count: int) -> list[UUID]:
    """Let staff do `count` things, each in a transaction of its own; the ids of the objects."""
    objects = [uuid4() for _ in range(count)]
    for number, object_id in enumerate(objects):
        async with api.begin() as session:
            moment = NOW + timedelta(seconds=number)
            audit.record(
                session, ACTOR, "news:publish", object_kind="news", object_id=object_id, branch_id=None, now=moment
            )
    return objects


async def seal(worker: Sessions, keys: AuditKeys) -> int:
    """One round of the sealer."""
    async with worker.begin() as session:
        return await seal_events(session, keys, now=NOW)


async def seal_all(worker: Sessions, keys: AuditKeys, count: int) -> None:
    """Rounds until `count` events are sealed: a transaction in any database of the server holds the sealer back."""
    for _ in range(1000):
        count -= await seal(worker, keys)
        if count <= 0:
            break
        await asyncio.sleep(0.01)
    assert count == 0


async def problems(worker: Sessions, keys: AuditKeys, anchor: Anchor | None = None) -> list[str]:
    """What a verification says."""
    async with worker() as session:
        return [problem async for problem in verify_chain(session, keys, anchor=anchor, now=NOW + timedelta(hours=1))]


async def test_what_is_committed_is_sealed_once_and_verifies(api: Sessions, worker: Sessions, keys: AuditKeys) -> None:
    await write(api, 5)
    await seal_all(worker, keys, 5)
    assert await seal(worker, keys) == 0
    await write(api, 2)
    await seal_all(worker, keys, 2)
    assert await problems(worker, keys) == []


async def test_an_older_transaction_that_commits_later_is_not_lost(
    api: Sessions, worker: Sessions, keys: AuditKeys
) -> None:
    async with api.begin() as slow:
        audit.record(slow, ACTOR, "news:publish", object_kind="news", object_id=uuid4(), branch_id=None, now=NOW)
        await slow.flush()
        await write(api, 2)
        assert await seal(worker, keys) == 0, "younger events wait for the older transaction"
    await seal_all(worker, keys, 3)
    assert await problems(worker, keys) == []


@pytest.mark.parametrize("table", ["audit_event", "audit_link", "audit_head"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET digest = digest", "TRUNCATE {} CASCADE"])
async def test_no_role_changes_a_row(
    api: Sessions, worker: Sessions, keys: AuditKeys, cloned_database: str, table: str, statement: str
) -> None:
    await write(api, 1)
    await seal_all(worker, keys, 1)
    sql = statement.format(table).replace("digest = digest", "id = id" if table == "audit_event" else "digest = digest")
    for sessions in (api, worker):
        async with sessions() as session:
            connection = await session.connection()
            with pytest.raises(DBAPIError) as refusal:
                await connection.execute(text(sql))
            assert isinstance(refusal.value.orig.__cause__, asyncpg.InsufficientPrivilegeError)
    owner = await asyncpg.connect(cloned_database)
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(sql)
    await owner.close()


async def test_a_flipped_event_is_named(api: Sessions, worker: Sessions, keys: AuditKeys, tamper: Tamper) -> None:
    objects = await write(api, 3)
    await seal_all(worker, keys, 3)
    tamper(f"UPDATE audit_event SET action = 'news:read' WHERE object_id = '{objects[1]}'")
    (problem,) = await problems(worker, keys)
    assert problem.endswith("at position 2 was changed or moved")


async def test_a_deleted_event_is_named(api: Sessions, worker: Sessions, keys: AuditKeys, tamper: Tamper) -> None:
    objects = await write(api, 3)
    await seal_all(worker, keys, 3)
    tamper(f"DELETE FROM audit_event WHERE object_id = '{objects[1]}'")
    (problem,) = await problems(worker, keys)
    assert problem.endswith("at position 2 was deleted")


async def test_an_event_deleted_with_its_link_is_noticed(
    api: Sessions, worker: Sessions, keys: AuditKeys, tamper: Tamper
) -> None:
    await write(api, 3)
    await seal_all(worker, keys, 3)
    tamper("DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_link WHERE position = 2)")
    tamper("DELETE FROM audit_link WHERE position = 2")
    assert await problems(worker, keys) == ["links 2 to 2 are missing"]


async def test_reordered_events_are_named(api: Sessions, worker: Sessions, keys: AuditKeys, tamper: Tamper) -> None:
    await write(api, 4)
    await seal_all(worker, keys, 4)
    for place, other in ((2, -1), (3, -2), (-1, 3), (-2, 2)):
        tamper(f"UPDATE audit_link SET position = {other} WHERE position = {place}")
    assert [problem.partition(" at ")[2] for problem in await problems(worker, keys)] == [
        "position 2 was changed or moved",
        "position 3 was changed or moved",
        "position 4 was changed or moved",
    ]


async def test_a_cut_end_is_noticed_by_the_signed_head(
    api: Sessions, worker: Sessions, keys: AuditKeys, tamper: Tamper
) -> None:
    await write(api, 3)
    await seal_all(worker, keys, 3)
    tamper("DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_link WHERE position = 3)")
    tamper("DELETE FROM audit_link WHERE position = 3")
    assert await problems(worker, keys) == [
        "the chain was cut: it ends at position 2, but position 3 was signed or anchored"
    ]


async def test_a_cut_that_takes_the_heads_too_is_noticed_by_an_anchor(
    api: Sessions, worker: Sessions, keys: AuditKeys, tamper: Tamper
) -> None:
    await write(api, 2)
    await seal_all(worker, keys, 2)
    await write(api, 1)
    await seal_all(worker, keys, 1)
    async with worker() as session:
        anchor = await read_head(session)
    tamper("DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_link WHERE position = 3)")
    tamper("DELETE FROM audit_link WHERE position = 3")
    tamper("DELETE FROM audit_head WHERE position = 3")
    assert await problems(worker, keys) == []
    assert await problems(worker, keys, anchor) == [
        "the chain was cut: it ends at position 2, but position 3 was signed or anchored"
    ]


async def test_a_chain_made_anew_without_the_key_is_noticed(
    api: Sessions, worker: Sessions, keys: AuditKeys, tamper: Tamper
) -> None:
    objects = await write(api, 2)
    await seal_all(worker, keys, 2)
    tamper(f"UPDATE audit_event SET action = 'news:read' WHERE object_id = '{objects[1]}'")
    tamper("DELETE FROM audit_link")
    tamper("DELETE FROM audit_head")
    forger = load_forged_keys(keys)
    await seal_all(worker, forger, 2)
    assert await problems(worker, keys) == ["the head at position 2 does not fit the chain or its signature"]


def load_forged_keys(keys: AuditKeys) -> AuditKeys:
    """Another key under the same id."""
    return {max(keys): Ed25519PrivateKey.generate()}


async def test_an_event_slipped_in_unsealed_is_noticed(api: Sessions, worker: Sessions, keys: AuditKeys) -> None:
    await write(api, 1)
    (problem,) = await problems(worker, keys)
    assert problem.endswith("was never sealed")
