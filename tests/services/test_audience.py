"""Who is told: the members of a branch and all below it, and nobody else."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account, AccountState
from models.base import utc_now
from models.members import Member, Membership, MemberState
from models.push import CampaignState, Device, PushBatch, PushCampaign
from services.push.audience import read_chosen, read_range
from services.push.planning import plan_campaign
from tests.factories.devices import add_campaign, add_device, as_worker
from tests.factories.world import World

NOW = utc_now()
Change = Callable[[AsyncSession, World], Awaitable[None]]


@pytest.fixture
async def phones(session: AsyncSession, world: World) -> World:
    """Each person has a phone, whose address is the person's name."""
    for name, person in world.people.items():
        await add_device(session, person.account_id, name)
    return world


async def reached(session: AsyncSession, campaign: PushCampaign, *, size: int = 500) -> set[str]:
    """Plan the campaign; the addresses in its batches."""
    async with as_worker(session):
        await plan_campaign(session, campaign.id, batch_size=size, now=NOW)
        batches = (await session.exec(select(PushBatch).where(col(PushBatch.campaign_id) == campaign.id))).all()
        found = [
            recipient.address
            for batch in batches
            for recipient in await read_range(
                session, campaign, first=batch.first_device_id, position=None, last=batch.last_device_id, now=NOW
            )
        ]
    assert len(found) == len(set(found)) == sum(batch.targeted_count for batch in batches)
    return set(found)


@pytest.mark.parametrize(
    ("path", "people"),
    [
        ("kz", {"Aigul", "Daulet", "Marat", "Saule", "Erlan"}),
        ("kz.at.maqat", {"Aigul", "Daulet", "Marat"}),
        ("kz.at.maqat2", {"Saule"}),
        ("kz.at.maqat.p2", {"Marat"}),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 500])
async def test_subtree_and_nobody_else(
    session: AsyncSession, phones: World, path: str, people: set[str], size: int
) -> None:
    campaign = await add_campaign(session, branch=phones.branches[path])
    assert await reached(session, campaign, size=size) == people


async def leave(session: AsyncSession, world: World) -> None:
    await session.exec(update(Member).where(col(Member.id) == marat(world)).values(state=MemberState.left))


async def end_membership(session: AsyncSession, world: World) -> None:
    ended = update(Membership).where(col(Membership.member_id) == marat(world))
    await session.exec(ended.values(ended_on=date(2025, 1, 1)))


async def move(session: AsyncSession, world: World) -> None:
    await end_membership(session, world)
    home = world.branches["kz.at.inder.p1"].id
    session.add(Membership(member_id=marat(world), branch_id=home, started_on=date(2025, 1, 1)))


async def block(session: AsyncSession, world: World) -> None:
    await session.exec(update(Account).where(of_marat(world)).values(state=AccountState.blocked))


async def switch_off(session: AsyncSession, world: World) -> None:
    await session.exec(update(Account).where(of_marat(world)).values(notification_preferences={"news": False}))


async def fall_silent(session: AsyncSession, world: World) -> None:
    silent = update(Device).where(col(Device.address) == "Marat")
    await session.exec(silent.values(last_seen_at=NOW - timedelta(days=61)))


async def retire(session: AsyncSession, world: World) -> None:
    dead = update(Device).where(col(Device.address) == "Marat")
    await session.exec(dead.values(retired_at=NOW, retired_reason="unregistered"))


def marat(world: World) -> UUID:
    return world.people["Marat"].member_id


def of_marat(world: World) -> sa.ColumnElement[bool]:
    return col(Account.id) == world.people["Marat"].account_id


LEAVINGS = [leave, end_membership, move, block, switch_off, fall_silent, retire]


@pytest.mark.parametrize("change", LEAVINGS)
async def test_who_is_not_there_any_more_is_not_told(session: AsyncSession, phones: World, change: Change) -> None:
    await change(session, phones)
    campaign = await add_campaign(session, branch=phones.branches["kz.at.maqat"])
    assert await reached(session, campaign) == {"Aigul", "Daulet"}


@pytest.mark.parametrize("change", LEAVINGS)
async def test_who_goes_between_planning_and_sending_is_not_told(
    session: AsyncSession, phones: World, change: Change
) -> None:
    campaign = await add_campaign(session, branch=phones.branches["kz.at.maqat"])
    await reached(session, campaign)
    await change(session, phones)
    async with as_worker(session):
        ids = (await session.exec(select(Device.id))).all()
        found = await read_chosen(session, campaign, ids, now=NOW)
    assert {recipient.address for recipient in found} == {"Aigul", "Daulet"}


async def test_moved_member_hears_of_the_new_branch(session: AsyncSession, phones: World) -> None:
    await move(session, phones)
    campaign = await add_campaign(session, branch=phones.branches["kz.at.inder"])
    assert await reached(session, campaign) == {"Erlan", "Marat"}


async def test_account_campaign_reaches_all_phones_of_the_account_member_or_not(
    session: AsyncSession, phones: World
) -> None:
    await leave(session, phones)
    await add_device(session, phones.people["Marat"].account_id, "Marat's tablet")
    campaign = await add_campaign(session, account_id=phones.people["Marat"].account_id)
    assert await reached(session, campaign) == {"Marat", "Marat's tablet"}


async def test_planning_twice_plans_once(session: AsyncSession, phones: World) -> None:
    campaign = await add_campaign(session, branch=phones.branches["kz"])
    await reached(session, campaign, size=2)
    async with as_worker(session):
        await plan_campaign(session, campaign.id, batch_size=2, now=NOW)
        batches = (await session.exec(select(PushBatch.seq).where(col(PushBatch.campaign_id) == campaign.id))).all()
    assert sorted(batches) == [1, 2, 3]


async def test_campaign_for_nobody_is_done(session: AsyncSession, world: World) -> None:
    campaign = await add_campaign(session, branch=world.branches["kz"])
    async with as_worker(session):
        await plan_campaign(session, campaign.id, batch_size=2, now=NOW)
    await session.refresh(campaign)
    assert (campaign.state, campaign.finished_at) == (CampaignState.done, NOW)
