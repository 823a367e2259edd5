"""Campaigns through the jobs of a worker and the real firebase-admin, against a local FCM."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from sqlmodel import col, select

from api.jobs.push import plan, send_batch, tend
from api.runtime import WORKER_ROLE, Runtime
from models.base import utc_now
from models.db import create_engine, execute, session_factory
from models.push import CampaignState, Device, PushBatch, PushCampaign, PushRetry
from push.fcm import FcmSender
from tests.factories.devices import add_campaign, add_device
from tests.factories.world import World, make_world
from tests.push.fcm_server import INVALID_ARGUMENT, OK, UNAVAILABLE, UNREGISTERED, FcmServer

PHONES = 60


@dataclass
class Campaign:
    """A campaign to the phones of Aigul, and the worker that sends it."""

    worker: Runtime
    id: str

    async def send(self) -> None:
        """Plan and send, as the jobs do."""
        await plan(self.worker, campaign_id=self.id)
        await send_batch(self.worker, campaign_id=self.id, seq=1)

    async def read(self) -> tuple[PushCampaign, PushBatch, set[str], int]:
        """The campaign, its batch, the retired addresses, and how many wait for a retry."""
        async with self.worker.sessions() as session:
            campaign = (await session.exec(select(PushCampaign))).one()
            batch = (await session.exec(select(PushBatch))).one()
            retired = await session.exec(select(Device.address).where(col(Device.retired_at).is_not(None)))
            return campaign, batch, set(retired.all()), len((await session.exec(select(PushRetry))).all())


@pytest.fixture
async def campaign(cloned_database: str, runtime: Runtime, sender: FcmSender) -> AsyncIterator[Campaign]:
    engine = create_engine(cloned_database, WORKER_ROLE, pool_size=1)
    sessions = session_factory(engine)
    async with sessions() as session, session.begin():
        await execute(session, sa.text("SET LOCAL ROLE unqatu_app"))
        world: World = await make_world(session, runtime.keys)
        aigul = world.people["Aigul"].account_id
        for number in range(PHONES):
            await add_device(session, aigul, f"phone-{number:02d}")
        made = await add_campaign(session, branch=world.branches["kz.at.maqat"])
    yield Campaign(replace(runtime, sessions=sessions, push=sender), str(made.id))
    await engine.dispose()


async def test_payload_bug_stops_the_campaign_before_it_wipes_the_table(campaign: Campaign, fcm: FcmServer) -> None:
    fcm.answer = lambda address: INVALID_ARGUMENT if address < "phone-31" else OK
    await campaign.send()
    found, batch, retired, _ = await campaign.read()
    assert (found.state, found.pause_reason) == (CampaignState.paused, "mass_retirement")
    assert (retired, batch.retired_count, batch.position) == (set(), 0, None)


async def test_dead_phones_go_and_the_unlucky_ones_get_theirs_later(campaign: Campaign, fcm: FcmServer) -> None:
    fcm.answers = {"phone-00": UNREGISTERED, "phone-01": INVALID_ARGUMENT, "phone-02": UNAVAILABLE}
    await campaign.send()
    found, batch, retired, waiting = await campaign.read()
    assert (found.state, batch.accepted_count, retired) == (CampaignState.sending, 57, {"phone-00", "phone-01"})
    assert waiting == 1
    fcm.answers["phone-02"] = OK
    with time_machine.travel(utc_now() + timedelta(minutes=2)):
        await tend(campaign.worker)
    found, batch, _, waiting = await campaign.read()
    assert (found.state, batch.accepted_count, batch.retired_count) == (CampaignState.done, 58, 2)
    assert (waiting, fcm.requests["phone-02"], max(fcm.accepted.values())) == (0, 2, 1)
