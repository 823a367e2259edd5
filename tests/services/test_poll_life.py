"""Opening and closing at their time: only what is due, only once."""

from datetime import timedelta

import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

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
    await life.open_due(session, poll.id, now=opens_at - timedelta(seconds=1))
    assert poll.state is PollState.scheduled
    await life.open_due(session, poll.id, now=opens_at)
    await life.open_due(session, poll.id, now=opens_at + HOUR)
    assert (poll.state, poll.opened_at, poll.version) == (PollState.open, opens_at, 2)
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
    await life.close_due(session, poll.id, now=closes_at - timedelta(seconds=1))
    assert poll.state is PollState.open
    await life.close_due(session, poll.id, now=closes_at)
    await life.close_due(session, poll.id, now=closes_at + HOUR)
    assert (poll.state, poll.closed_at, poll.version) == (state, closes_at, 2)


@pytest.mark.parametrize("state", [PollState.draft, PollState.cancelled, PollState.closed])
async def test_jobs_leave_other_states_alone(session: AsyncSession, world: World, state: PollState) -> None:
    past = utc_now() - HOUR
    poll = await make_poll(session, world.branches["kz"], state=state, opens_at=past - HOUR, closes_at=past)
    await life.open_due(session, poll.id, now=utc_now())
    await life.close_due(session, poll.id, now=utc_now())
    assert (poll.state, poll.version) == (state, 1)
