"""The inbox: the announcements to a person, whether a phone was reached or not. The source of truth of notifications.

It holds what was announced to the branches of the member's chain since the present membership began, and to the own
account, for as long as KEPT. Stored is only what was read.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account
from models.db import execute
from models.push import InboxRead, LinkKind
from services.actors import Actor
from services.errors import NotFoundError

KEPT: Final = timedelta(days=90)
UNREAD_MOST: Final = 100
"""Counting ends here; phones show "99+"."""

# One short index range a source, merged: a member has four branches and one account.
OWN: Final = """
    WITH reader AS (
        SELECT a.id, a.inbox_read_before_at AS read_before,
               greatest(:kept_from, (SELECT ms.started_on::timestamp AT TIME ZONE 'Asia/Almaty'
                                       FROM member m JOIN membership ms ON ms.member_id = m.id AND ms.ended_on IS NULL
                                      WHERE m.account_id = a.id)) AS member_from
          FROM account a WHERE a.id = :account_id)
    SELECT c.id, c.cause, c.category, c.link_kind, c.link_id, c.created_at,
           NOT (c.created_at <= coalesce(reader.read_before, '-infinity') OR EXISTS (
                SELECT FROM inbox_read r WHERE r.account_id = reader.id AND r.campaign_id = c.id)) AS unread
      FROM reader CROSS JOIN LATERAL (
           (SELECT p.* FROM push_campaign p
             WHERE p.account_id = reader.id AND p.created_at >= :kept_from AND {page} {order})
            UNION ALL
           SELECT of_branch.* FROM unnest(CAST(:chain AS uuid[])) AS up(id) CROSS JOIN LATERAL (
                SELECT p.* FROM push_campaign p
                 WHERE p.branch_id = up.id AND p.created_at >= reader.member_from AND {page} {order}) AS of_branch
           ) AS c
"""
ORDER: Final = "AND p.state <> 'cancelled' ORDER BY p.created_at DESC, p.id DESC LIMIT :limit"
AFTER: Final = "(p.created_at, p.id) < (:before_at, :before_id)"
LIST: Final = OWN + " ORDER BY c.created_at DESC, c.id DESC LIMIT :limit"
FIRST_PAGE: Final = sa.text(LIST.format(page="TRUE", order=ORDER))
NEXT_PAGE: Final = sa.text(LIST.format(page=AFTER, order=ORDER))
UNREAD: Final = "p.created_at > coalesce(reader.read_before, '-infinity')"
COUNT: Final = sa.text(f"""
    SELECT count(*) FROM (SELECT FROM ({OWN.format(page=UNREAD, order=ORDER)}) AS own WHERE own.unread
                           LIMIT {UNREAD_MOST}) AS counted
""")  # noqa: S608  # both parts are constants of this module
UNREAD_LINKS: Final = sa.text(f"""
    SELECT own.link_id FROM ({OWN.format(page=UNREAD, order=ORDER)}) AS own WHERE own.unread AND own.link_kind = :kind
""")  # noqa: S608  # both parts are constants of this module
FIND: Final = sa.text("""
    SELECT c.id FROM push_campaign c
     WHERE c.id = :id AND c.state <> 'cancelled' AND (c.account_id = :account_id OR c.branch_id = ANY(:chain))
""")


def reader(actor: Actor, now: datetime) -> dict[str, Any]:
    """Whose inbox it is."""
    return {
        "account_id": actor.require_account(),
        "chain": list(actor.branch_chain) if actor.member_id else [],
        "kept_from": now - KEPT,
    }


async def list_inbox(
    session: AsyncSession, actor: Actor, *, before: tuple[datetime, UUID] | None, limit: int, now: datetime
) -> Sequence[Any]:
    """Announcements, the newest first, before (created_at, id); one more than `limit`.

    Rows have id, cause, category, link_kind, link_id, created_at, unread.
    """
    if before is None:
        found = await execute(session, FIRST_PAGE, limit=limit + 1, **reader(actor, now))
    else:
        found = await execute(
            session, NEXT_PAGE, limit=limit + 1, before_at=before[0], before_id=before[1], **reader(actor, now)
        )
    return found.all()


async def count_unread(session: AsyncSession, actor: Actor, *, now: datetime) -> int:
    """How many are unread, UNREAD_MOST at most."""
    unread: int = (await execute(session, COUNT, limit=UNREAD_MOST, **reader(actor, now))).scalar_one()
    return unread


async def find_unread_links(session: AsyncSession, actor: Actor, kind: LinkKind, *, now: datetime) -> set[UUID]:
    """The things of a kind that something unread tells of: which of my petitions have moved."""
    found = await execute(session, UNREAD_LINKS, kind=kind.value, limit=UNREAD_MOST, **reader(actor, now))
    return set(found.scalars())


async def mark_read(session: AsyncSession, actor: Actor, campaign_id: UUID, *, now: datetime) -> None:
    """Remember that one was read. Reading twice changes nothing.

    Raises:
        NotFoundError: it is not in this person's inbox.
    """
    whose = reader(actor, now)
    found = await execute(session, FIND, id=campaign_id, account_id=whose["account_id"], chain=whose["chain"])
    if found.one_or_none() is None:
        raise NotFoundError
    read = insert(InboxRead).values(account_id=whose["account_id"], campaign_id=campaign_id, read_at=now)
    await session.exec(read.on_conflict_do_nothing())


async def mark_all_read(session: AsyncSession, actor: Actor, *, now: datetime) -> None:
    """Count all that was announced until now as read."""
    mine = update(Account).where(col(Account.id) == actor.require_account())
    await session.exec(mine.values(inbox_read_before_at=now))


async def purge_inbox(session: AsyncSession, *, now: datetime) -> None:
    """Forget the reading of what no inbox shows any more."""
    await session.exec(delete(InboxRead).where(col(InboxRead.read_at) < now - KEPT * 2))
