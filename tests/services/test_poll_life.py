"""Opening and closing at their time: only what is due, only once."""

from datetime import timedelta

import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.jobs import RETRIES
from models.base import utc_now
from models.polls import PollState, ResultsVisibility
from models.push import PushCampaign
from services.polls import life
from tests.factories.polls import make_poll
from tests.factories.world import World

HOUR = timedelta(hours=1)


async def test_scheduled_poll_opens_at_its_time_and_is_announced_once(session: AsyncSession, world: World) -> None:
    opens_at = utc_now() + HOUR
    poll = await make_poll(session, world.branches["kz.at"], state=PollState.scheduled, opens_at=opens_at)
    await life.open_due(session, poll.id, opens_at=opens_at - HOUR, now=opens_at)
    assert poll.state is PollState.scheduled
    late_clock = opens_at - timedelta(seconds=1)
    await life.open_due(session, poll.id, opens_at=opens_at, now=late_clock)
    await life.open_due(session, poll.id, opens_at=opens_at, now=opens_at + HOUR)
    assert (poll.state, poll.opened_at, poll.version) == (PollState.open, late_clock, 2)
    assert len((await session.exec(select(PushCampaign))).all()) == 1


@pytest.mark.parametrize(
    ("visibility", "state"),
    [
        (ResultsVisibility.after_close, PollState.results_published),
        (ResultsVisibility.admins_only, PollState.closed),
    ],
)
async def test_open_poll_closes_at_its_time(
    session: AsyncSession, world: World, visibility: ResultsVisibility, state: PollState
) -> None:
    closes_at = utc_now() + HOUR
    poll = await make_poll(session, world.branches["kz.at"], closes_at=closes_at, visibility=visibility)
    await life.close_due(session, poll.id, closes_at=closes_at - HOUR, now=closes_at)
    assert poll.state is PollState.open
    late_clock = closes_at - timedelta(seconds=1)
    await life.close_due(session, poll.id, closes_at=closes_at, now=late_clock)
    await life.close_due(session, poll.id, closes_at=closes_at, now=closes_at + HOUR)
    assert (poll.state, poll.closed_at, poll.version) == (state, late_clock, 2)


@pytest.mark.parametrize("opening_first", [True, False])
async def test_poll_missed_in_an_outage_ends_without_a_push_in_whatever_order(
    session: AsyncSession, world: World, opening_first: bool
) -> None:
    now = utc_now()
    opens_at, closes_at = now - 2 * HOUR, now - HOUR
    poll = await make_poll(
        session, world.branches["kz.at"], state=PollState.scheduled, opens_at=opens_at, closes_at=closes_at
    )
    for opening in (opening_first, not opening_first):
        if opening:
            await life.open_due(session, poll.id, opens_at=opens_at, now=now)
        else:
            await life.close_due(session, poll.id, closes_at=closes_at, now=now)
    assert (poll.state, poll.opened_at, poll.closed_at) == (PollState.results_published, now, now)
    assert poll.version == 2
    assert (await session.exec(select(PushCampaign))).all() == []


@pytest.mark.parametrize("task", [life.OPEN_DUE, life.CLOSE_DUE])
def test_opening_and_closing_are_tried_again_for_a_day(task: str) -> None:
    retry = RETRIES[task]
    assert (retry.max_attempts or 0) * retry.wait >= timedelta(days=1).total_seconds()


@pytest.mark.parametrize("state", [PollState.draft, PollState.cancelled, PollState.closed])
async def test_jobs_leave_other_states_alone(session: AsyncSession, world: World, state: PollState) -> None:
    past = utc_now() - HOUR
    poll = await make_poll(session, world.branches["kz"], state=state, opens_at=past - HOUR, closes_at=past)
    await life.open_due(session, poll.id, opens_at=past - HOUR, now=utc_now())
    await life.close_due(session, poll.id, closes_at=past, now=utc_now())
    assert (poll.state, poll.version) == (state, 1)
