"""Worker processes that are stopped, killed and frozen amid a campaign: nobody is missed."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.runtime import APP_ROLE, Runtime
from models.base import utc_now
from models.db import Sessions, create_engine, execute, session_factory
from push.console import address_hash
from tests.factories.devices import add_campaign, add_device
from tests.factories.workers import Tap, ask, recorded, running_worker, until
from tests.factories.world import World, make_world

BATCH, SLICE = 50, 10
SIZES = [pytest.param(20, id="small"), pytest.param(400, marks=pytest.mark.drill, id="drill")]
"""How many batches."""

DEVICES = sa.text("""
    INSERT INTO device (id, installation_id, account_id, address, address_kind, platform, language, app_version,
                        created_at, last_seen_at)
    SELECT gen_random_uuid(), gen_random_uuid(), m.account_id, 'phone ' || n, 'token', 'android', 'kk', '1', :now, :now
      FROM generate_series(1, :count) AS n
      JOIN (SELECT account_id, row_number() OVER (ORDER BY id) AS k FROM member
             WHERE account_id = ANY(:accounts)) AS m ON m.k = n % 3 + 1
""")
PROGRESS = "SELECT seq, position, state, attempts, lease_until, accepted_count FROM push_batch ORDER BY seq"


@dataclass
class Town:
    """A database of its own with the phones of one district, and those of its neighbours."""

    database: str
    keys: Path
    sessions: Sessions
    world: World
    batches: int

    @property
    def phones(self) -> set[str]:
        """Whom the district's campaign must reach."""
        return {address_hash(f"phone {number}") for number in range(1, self.batches * BATCH + 1)}

    def repeats(self, *sent: list[str]) -> int:
        """How many messages went out twice; fails if anybody was missed or a stranger told."""
        counted = Counter(phone for part in sent for phone in part)
        assert counted.keys() == self.phones
        assert max(counted.values()) <= 2
        return counted.total() - len(counted)

    def done(self) -> bool:
        """Whether all there is was sent."""
        return ask(self.database, "SELECT bool_and(state = 'done') FROM push_campaign") == [(True,)]

    async def announce(self) -> None:
        """What publishing does, with the rights of the API."""
        async with self.sessions() as session, session.begin():
            await add_campaign(session, branch=self.world.branches["kz.at.maqat"])


@pytest.fixture(params=SIZES)
async def town(request: pytest.FixtureRequest, cloned_database: str, runtime: Runtime) -> AsyncIterator[Town]:
    engine = create_engine(cloned_database, APP_ROLE, pool_size=1)
    sessions = session_factory(engine)
    async with sessions() as session, session.begin():
        world = await make_world(session, runtime.keys)
        accounts = [world.people[name].account_id for name in ("Aigul", "Daulet", "Marat")]
        await execute(session, DEVICES, count=request.param * BATCH, accounts=accounts, now=utc_now())
        for neighbour in ("Saule", "Erlan"):
            await add_device(session, world.people[neighbour].account_id, neighbour)
    yield Town(cloned_database, runtime.settings.keys, sessions, world, request.param)
    await engine.dispose()


async def test_worker_delivers_to_the_district_and_nobody_else(town: Town, tmp_path: Path) -> None:
    with running_worker(town.database, town.keys, tmp_path / "push"):
        await town.announce()
        await until(town.done)
    assert town.repeats(recorded(tmp_path / "push")) == 0
    counts = "SELECT count(*), sum(targeted_count), sum(accepted_count), max(attempts) FROM push_batch"
    assert ask(town.database, counts) == [(town.batches, town.batches * BATCH, town.batches * BATCH, 1)]


async def test_terminated_worker_finishes_its_job_and_no_other(town: Town, tmp_path: Path) -> None:
    tap = Tap(tmp_path / "push")
    with running_worker(town.database, town.keys, tap.path) as worker:
        await town.announce()
        await tap.read(until=4 * BATCH + SLICE)
        worker.signal(signal.SIGTERM)
        ending = asyncio.create_task(worker.ended())
        while not ending.done():
            await tap.drain()
        assert await ending == 0
    states = dict(ask(town.database, "SELECT state, count(*) FROM push_batch GROUP BY state"))
    assert states.keys() == {"done", "waiting"}
    assert ask(town.database, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'") == [(0,)]
    assert len(tap.seen) == len(set(tap.seen)) == states["done"] * BATCH


async def test_killed_worker_costs_one_slice_of_repeats_at_most(town: Town, tmp_path: Path) -> None:
    tap = Tap(tmp_path / "first")
    with running_worker(town.database, town.keys, tap.path) as first:
        await town.announce()
        await tap.read(until=6 * BATCH + 2 * SLICE)
        first.signal(signal.SIGKILL)
        await first.ended()
    await tap.drain()
    with running_worker(town.database, town.keys, tmp_path / "second"):
        await until(town.done)
    assert town.repeats(tap.seen, recorded(tmp_path / "second")) <= SLICE


async def test_frozen_worker_writes_nothing_after_it_lost_its_fence(town: Town, tmp_path: Path) -> None:
    tap = Tap(tmp_path / "frozen")
    with running_worker(town.database, town.keys, tap.path) as frozen:
        await town.announce()
        await tap.read(until=6 * BATCH + 2 * SLICE)
        await stands_still(town)
        frozen.signal(signal.SIGSTOP)
        with running_worker(town.database, town.keys, tmp_path / "other"):
            await until(town.done)
        before = ask(town.database, PROGRESS)
        sent = len(tap.seen)
        frozen.signal(signal.SIGCONT)
        await tap.read(until=sent + SLICE)
        frozen.signal(signal.SIGTERM)
        ending = asyncio.create_task(frozen.ended())
        while not ending.done():
            await tap.drain()
        assert await ending == 0
    assert ask(town.database, PROGRESS) == before
    assert 0 < town.repeats(tap.seen, recorded(tmp_path / "other")) <= SLICE


async def stands_still(town: Town) -> None:
    """Wait until the sender, whose pipe nobody reads, has got stuck amid a slice."""
    last: list[tuple[object, ...]] = []
    while last != (last := ask(town.database, PROGRESS)) or not last:  # noqa: ASYNC110  # as in `until`
        await asyncio.sleep(1)


async def test_worker_outlives_a_lost_database(town: Town, server_url: str, tmp_path: Path) -> None:
    name = town.database.partition("?")[0].rpartition("/")[2]
    log = tmp_path / "push.log"
    with running_worker(town.database, town.keys, tmp_path / "push"):
        await until(lambda: "worker ready" in log.read_text())
        ask(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        ask(server_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        await until(lambda: "worker broke" in log.read_text())
        ask(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await town.announce()
        await until(town.done)
    assert town.repeats(recorded(tmp_path / "push")) == 0
