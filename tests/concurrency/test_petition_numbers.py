"""Numbers under parallel filing, and steps that nobody can change, on a database that commits."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import APP_ROLE, WORKER_ROLE, Runtime
from models.base import new_id, utc_now
from models.db import Sessions, create_engine, session_factory
from models.petitions import Petition, PetitionKind
from services.actors import Actor
from services.petitions.desk import AssigneeCannotHandleError
from services.petitions.intake import Filing, file_petition
from tests.factories.world import World, make_world

FILERS = 50


@pytest.fixture
async def committing(cloned_database: str) -> AsyncIterator[Sessions]:
    """Sessions of the application that really commit."""
    engine = create_engine(cloned_database, APP_ROLE, pool_size=60)
    yield session_factory(engine)
    await engine.dispose()


async def settle(committing: Sessions, runtime: Runtime) -> World:
    """The small organisation, committed."""
    async with committing() as session, session.begin():
        return await make_world(session, runtime.keys)


async def file_one(committing: Sessions, runtime: Runtime, world: World, petition_id: UUID) -> str:
    """File in a transaction of its own; the number."""
    branch = world.branches["kz.at.maqat"]
    filing = Filing(petition_id, PetitionKind.notice, "roads", "Жол", branch_id=branch.id)
    async with committing() as session, session.begin():
        actor = Actor(world.people["Aigul"].account_id)
        return (await file_petition(session, runtime.keys, actor, filing, now=utc_now())).number


async def test_fifty_at_once_get_fifty_consecutive_numbers(committing: Sessions, runtime: Runtime) -> None:
    world = await settle(committing, runtime)
    numbers = await asyncio.gather(*(file_one(committing, runtime, world, new_id()) for _ in range(FILERS)))
    assert sorted(int(number[8:]) for number in numbers) == list(range(1, FILERS + 1))


async def test_failed_filing_leaves_no_gap(committing: Sessions, runtime: Runtime) -> None:
    world = await settle(committing, runtime)

    async def fail(session: AsyncSession) -> None:
        filing = Filing(new_id(), PetitionKind.notice, "roads", "Жол", branch_id=world.branches["kz.at.maqat"].id)
        await file_petition(session, runtime.keys, Actor(world.people["Marat"].account_id), filing, now=utc_now())
        raise AssigneeCannotHandleError

    first = await file_one(committing, runtime, world, new_id())
    with pytest.raises(AssigneeCannotHandleError):
        async with committing() as session, session.begin():
            await fail(session)
    second = await file_one(committing, runtime, world, new_id())
    assert (int(first[8:]), int(second[8:])) == (1, 2)


async def test_one_petition_sent_ten_times_at_once_is_one(committing: Sessions, runtime: Runtime) -> None:
    world = await settle(committing, runtime)
    made = new_id()
    numbers = await asyncio.gather(*(file_one(committing, runtime, world, made) for _ in range(10)))
    assert len(set(numbers)) == 1
    async with committing() as session:
        assert len((await session.exec(select(Petition))).all()) == 1


@pytest.mark.parametrize("role", [APP_ROLE, WORKER_ROLE])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE petition_event SET seq = seq",
        "DELETE FROM petition_event",
        "TRUNCATE petition_event",
        "DELETE FROM petition_attachment",
        "DELETE FROM petition",
        "DELETE FROM petition_counter",
    ],
)
async def test_steps_are_only_ever_added(
    committing: Sessions, runtime: Runtime, cloned_database: str, role: str, statement: str
) -> None:
    with psycopg.connect(cloned_database) as connection:
        connection.execute(f"SET ROLE {role}")  # a name of ours
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
