"""Writing down what staff do: in the same transaction as the thing itself, ids only."""

from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from models.audit import AuditEvent
from services.actors import Actor


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
