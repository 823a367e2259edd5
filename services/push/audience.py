"""Whom a campaign reaches: devices in use, of active accounts that did not switch the category off, that belong to the
campaign's account or to an active member whose current membership lies in the subtree of its branch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language
from models.db import execute
from models.push import AddressKind, Platform, PushCampaign
from services.devices import SILENT_AFTER

IN_USE: Final = """
        JOIN account a ON a.id = d.account_id AND a.state = 'active'
             AND coalesce(a.notification_preferences ->> :category, 'true') = 'true'
"""
OF_ACCOUNT: Final = f"""{IN_USE}
       WHERE a.id = :account_id AND d.retired_at IS NULL AND d.last_seen_at > :seen_after
"""
OF_BRANCH: Final = f"""{IN_USE}
        JOIN member m ON m.account_id = a.id AND m.state = 'active'
        JOIN membership ms ON ms.member_id = m.id AND ms.ended_on IS NULL
        JOIN branch b ON b.id = ms.branch_id
             AND b.path <@ (SELECT path FROM branch WHERE id = :branch_id)
       WHERE d.retired_at IS NULL AND d.last_seen_at > :seen_after
"""  # noqa: S608  # IN_USE is a constant above

CUT: Final = """
    INSERT INTO push_batch (campaign_id, seq, first_device_id, last_device_id, state, attempts,
                            targeted_count, accepted_count, retired_count, failed_count)
    SELECT :campaign_id, (n - 1) / :size + 1, (array_agg(id ORDER BY n))[1], (array_agg(id ORDER BY n DESC))[1],
           'waiting', 0, count(*), 0, 0, 0
      FROM (SELECT d.id, row_number() OVER (ORDER BY d.id) AS n FROM device d {audience}) AS numbered
     GROUP BY (n - 1) / :size
    RETURNING seq
"""

# MATERIALIZED: the range of ids is the only way in that stays cheap for the whole country. Left to itself, the planner
# may begin at the branches and join every member for each batch.
READ: Final = """
    WITH ranged AS MATERIALIZED (SELECT * FROM device WHERE {range})
    SELECT d.id, d.address, d.address_kind, d.platform, d.language FROM ranged d {audience} ORDER BY d.id
"""
CHOSEN: Final = "id = ANY(:ids)"
RANGE: Final = "id > :after AND id <= :last"
FROM_FIRST: Final = "id >= :after AND id <= :last"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A device of the audience."""

    device_id: UUID
    address: str = field(repr=False)
    address_kind: AddressKind
    platform: Platform
    language: Language


def statement(template: str, campaign: PushCampaign, **parts: str) -> sa.TextClause:
    """The statement for the kind of audience that the campaign has."""
    return sa.text(template.format(audience=OF_ACCOUNT if campaign.account_id else OF_BRANCH, **parts))


def audience_parameters(campaign: PushCampaign, now: datetime) -> dict[str, Any]:
    """What the audience of a campaign depends on."""
    whose = {"account_id": campaign.account_id} if campaign.account_id else {"branch_id": campaign.branch_id}
    return {"category": campaign.category.value, "seen_after": now - SILENT_AFTER, **whose}


async def cut_audience(session: AsyncSession, campaign: PushCampaign, *, size: int, now: datetime) -> Sequence[int]:
    """Cut the audience into batches of `size` devices, in one statement; their numbers."""
    cut = await execute(
        session,
        statement(CUT, campaign),
        campaign_id=campaign.id,
        size=size,
        **audience_parameters(campaign, now),
    )
    return sorted(cut.scalars())


async def read_range(
    session: AsyncSession, campaign: PushCampaign, *, first: UUID, position: UUID | None, last: UUID, now: datetime
) -> list[Recipient]:
    """Who of a range of device ids is in the audience now, by id: from `first`, or after `position`, up to `last`."""
    found = await execute(
        session,
        statement(READ, campaign, range=RANGE if position else FROM_FIRST),
        after=position or first,
        last=last,
        **audience_parameters(campaign, now),
    )
    return [recipient(row) for row in found]


async def read_chosen(
    session: AsyncSession, campaign: PushCampaign, ids: Sequence[UUID], *, now: datetime
) -> list[Recipient]:
    """Who of these devices is in the audience now."""
    found = await execute(
        session, statement(READ, campaign, range=CHOSEN), ids=list(ids), **audience_parameters(campaign, now)
    )
    return [recipient(row) for row in found]


def recipient(row: Any) -> Recipient:
    """A row as it comes from the database."""
    return Recipient(row.id, row.address, AddressKind(row.address_kind), Platform(row.platform), Language(row.language))
