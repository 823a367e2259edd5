"""One membership at a time and one member an IIN, whoever races, on real connections that commit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pytest_asyncio
from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import APP_ROLE
from models.base import utc_now
from models.db import Sessions, create_engine, session_factory
from models.members import DuesCategory
from services.actors import Actor, Grant
from services.errors import DomainError
from services.keyring import load_keys, make_keys
from services.members.moving import end_membership, transfer_member
from services.members.writing import NewMember, create_member
from services.permissions import Permission
from tests.factories.members import some_iin
from tests.factories.polls import make_members
from tests.factories.world import World, make_branches

PARALLEL = 6
Act = Callable[[AsyncSession, Actor], Awaitable[object]]


@dataclass(frozen=True)
class Ground:
    """A committed organisation, with an application's sessions and an actor who may do it all."""

    url: str
    sessions: Sessions
    world: World
    actor: Actor

    async def outcome(self, act: Act) -> str:
        """What one request ends with."""
        try:
            async with self.sessions() as session, session.begin():
                await act(session, self.actor)
        except DomainError as error:
            return error.code
        return "done"


@pytest_asyncio.fixture(loop_scope="session")
async def ground(cloned_database: str) -> AsyncIterator[Ground]:
    """Branches in a database of their own."""
    engine = create_engine(cloned_database, APP_ROLE, pool_size=PARALLEL)
    sessions = session_factory(engine)
    async with sessions() as session:
        world = await make_branches(session)
        await session.commit()
    root = world.branches["kz"]
    grant = Grant(branch_id=root.id, path=root.path, permissions=frozenset({Permission.members_write}))
    yield Ground(cloned_database, sessions, world, Actor(account_id=None, grants=(grant,), raised=True))
    await engine.dispose()


async def test_of_transfers_and_leaving_on_one_day_one_is_done(ground: Ground) -> None:
    async with ground.sessions() as session:
        (member_id,) = await make_members(session, ground.world.branches["kz.at.maqat.p1"], 1)
    day, now = date(2026, 3, 2), utc_now()
    targets = [ground.world.branches[path].id for path in ("kz.at.maqat.p2", "kz.at.inder.p1") * 3]

    def move_to(branch_id: UUID) -> Act:
        return lambda session, actor: transfer_member(
            session, actor, member_id, branch_id=branch_id, started_on=day, now=now
        )

    acts = [move_to(branch_id) for branch_id in targets]
    acts.append(lambda session, actor: end_membership(session, actor, member_id, left_on=day, now=now))
    outcomes = Counter(await asyncio.gather(*map(ground.outcome, acts)))
    assert outcomes["done"] == 1
    assert outcomes.keys() <= {"done", "membership_date", "already_there", "member_state"}
    with psycopg.connect(ground.url) as owner:
        stays = owner.execute("SELECT started_on, ended_on FROM membership ORDER BY started_on").fetchall()
    assert stays[0][1] == day
    assert len(stays) <= 2


async def test_one_iin_is_registered_once(ground: Ground, tmp_path: Path) -> None:
    make_keys(tmp_path, now=utc_now())
    keys = load_keys(tmp_path)
    new = NewMember(
        branch_id=ground.world.branches["kz.at.maqat.p1"].id,
        iin=some_iin(),
        family_name="Сәрсенова",
        given_name="Айгүл",
        patronymic=None,
        phone="+77015550177",
        youth_wing=False,
        dues_category=DuesCategory.standard,
        settlement_id=None,
        card_number=None,
        admitted_on=date(2026, 2, 2),
    )

    async def act(session: AsyncSession, actor: Actor) -> None:
        await create_member(session, keys, actor, new, now=utc_now())

    outcomes = Counter(await asyncio.gather(*[ground.outcome(act) for _ in range(PARALLEL)]))
    assert outcomes == {"done": 1, "member_taken": PARALLEL - 1}
