"""Phones, and announcements to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language, utc_now
from models.branches import Branch
from models.db import execute
from models.push import AddressKind, Cause, Device, LinkKind, Platform, PushCampaign
from services.push.campaigns import announce


async def add_device(
    session: AsyncSession,
    account_id: UUID,
    address: str,
    *,
    language: Language = Language.kk,
    last_seen_at: datetime | None = None,
) -> Device:
    """A phone of an account; `address` is what tests know it by."""
    device = Device(
        installation_id=uuid4(),
        account_id=account_id,
        address=address,
        address_kind=AddressKind.token,
        platform=Platform.android,
        language=language,
        app_version="1.0.0",
        created_at=utc_now(),
        last_seen_at=last_seen_at or utc_now(),
    )
    session.add(device)
    await session.flush()
    return device


async def add_campaign(
    session: AsyncSession,
    *,
    branch: Branch | None = None,
    account_id: UUID | None = None,
    cause: Cause = Cause.news_published,
    now: datetime | None = None,
) -> PushCampaign:
    """An announcement to a branch or an account."""
    cause_id = uuid4()
    await announce(
        session,
        cause=cause,
        cause_id=cause_id,
        link_kind=LinkKind.news,
        link_id=cause_id,
        branch_id=branch.id if branch else None,
        account_id=account_id,
        now=now or utc_now(),
    )
    return (await session.exec(select(PushCampaign).where(col(PushCampaign.cause_id) == cause_id))).one()


@asynccontextmanager
async def as_worker(session: AsyncSession) -> AsyncIterator[None]:
    """What is done here is done with the rights of a worker process."""
    await execute(session, sa.text("SET LOCAL ROLE unqatu_worker"))
    yield
    await execute(session, sa.text("SET LOCAL ROLE unqatu_app"))
