"""Writing down what staff do, in the same transaction as the thing itself, ids only; and reading it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.audit import AuditEvent
from models.branches import Branch
from services.actors import Actor, in_subtrees, visible_branches
from services.permissions import Permission


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events are wanted; None does not filter. `since` and `until` bound the time, [since, until)."""

    action: str | None = None
    account_id: UUID | None = None
    object_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """As SQL."""
        chosen = {
            AuditEvent.action: self.action,
            AuditEvent.account_id: self.account_id,
            AuditEvent.object_id: self.object_id,
        }
        conditions = [col(column) == value for column, value in chosen.items() if value is not None]
        if self.since is not None:
            conditions.append(col(AuditEvent.at) >= self.since)
        if self.until is not None:
            conditions.append(col(AuditEvent.at) < self.until)
        return conditions


def record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    *,
    object_kind: str,
    object_id: UUID,
    branch_id: UUID | None,
    now: datetime,
    **detail: str | int | bool | list[str] | None,
) -> None:
    """Add one row to the audit.

    Args:
        action: resource:verb, e.g. "news:publish" or "members:read".
        object_kind: the table's noun; `object_id` its row.
        detail: ids, codes and counts; never texts, names or phones, or erasure would have to break the chain.
    """
    session.add(
        AuditEvent(
            at=now,
            action=action,
            account_id=actor.account_id,
            service_token_id=actor.service_token_id,
            branch_id=branch_id,
            object_kind=object_kind,
            object_id=object_id,
            request_id=actor.request_id,
            detail=detail,
        )
    )


async def list_events(
    session: AsyncSession, actor: Actor, wanted: AuditFilter, *, after: UUID | None, limit: int
) -> Sequence[AuditEvent]:
    """What happened in the actor's subtrees, the newest first, older than `after`; one more than `limit`.

    What belongs to no branch (second factors, the founding) is for those who read the audit of the whole tree.
    """
    paths = visible_branches(actor, Permission.audit_read)
    seen: sa.ColumnElement[bool] = col(AuditEvent.branch_id).in_(select(Branch.id).where(in_subtrees(paths)))
    if any("." not in path for path in paths):
        seen = seen | col(AuditEvent.branch_id).is_(None)
    found = select(AuditEvent).where(seen, *wanted.conditions()).order_by(col(AuditEvent.id).desc()).limit(limit + 1)
    if after is not None:
        found = found.where(col(AuditEvent.id) < after)
    return (await session.exec(found)).all()
