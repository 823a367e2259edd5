"""Announcements: one campaign a cause, made in the transaction of what it announces."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import new_id
from models.push import CampaignState, Category, Cause, LinkKind, PushCampaign
from services.jobs import defer

PLAN_TASK: Final = "push.plan_campaign"

CATEGORY: Final = {
    Cause.poll_opened: Category.polls,
    Cause.poll_reminder: Category.polls,
    Cause.petition_step: Category.petitions,
    Cause.news_published: Category.news,
    Cause.reception_reminder: Category.receptions,
    Cause.admin_message: Category.messages,
}
LIFETIME: Final = {
    Cause.poll_opened: timedelta(days=2),
    Cause.poll_reminder: timedelta(hours=12),
    Cause.petition_step: timedelta(days=3),
    Cause.news_published: timedelta(days=1),
    Cause.reception_reminder: timedelta(hours=3),
    Cause.admin_message: timedelta(days=1),
}
"""For how long a message is worth delivering; the inbox keeps it longer."""


async def announce(
    session: AsyncSession,
    *,
    cause: Cause,
    cause_id: UUID,
    link_kind: LinkKind,
    link_id: UUID,
    branch_id: UUID | None = None,
    account_id: UUID | None = None,
    now: datetime,
) -> None:
    """Tell the members of a branch and all below it, or one account, that something happened.

    It goes out if and only if this transaction commits. A cause that was announced before is not announced again.

    Args:
        cause_id: what makes the cause unique: the poll, the article, the petition's event, …
        link_id: what the app opens.
        branch_id, account_id: exactly one of them.
    """
    campaign = {
        "id": new_id(),
        "cause": cause,
        "cause_id": cause_id,
        "category": CATEGORY[cause],
        "link_kind": link_kind,
        "link_id": link_id,
        "branch_id": branch_id,
        "account_id": account_id,
        "state": CampaignState.planned,
        "created_at": now,
        "expires_at": now + LIFETIME[cause],
    }
    made = await session.exec(
        insert(PushCampaign).values(campaign).on_conflict_do_nothing().returning(col(PushCampaign.id))
    )
    campaign_id = made.scalar_one_or_none()
    if campaign_id is not None:
        await defer(session, PLAN_TASK, campaign_id=str(campaign_id))


async def withdraw_announcement(session: AsyncSession, *, cause: Cause, cause_id: UUID, now: datetime) -> None:
    """Stop announcing what is no longer there, and take it out of the inboxes. What was sent stays sent."""
    await session.exec(
        update(PushCampaign)
        .where(col(PushCampaign.cause) == cause, col(PushCampaign.cause_id) == cause_id)
        .values(state=CampaignState.cancelled, pause_reason=None, finished_at=now)
    )
