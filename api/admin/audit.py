"""What staff did and whose data they read."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import StringConstraints

from api.deps import CurrentAdmin, CurrentKeys, Session
from api.openapi import admin_operation
from api.types import Moment, Out, Page, PageParams, decode_cursor, page_of
from services import audit
from services.audit import AuditFilter
from services.permissions import Permission

router = APIRouter(prefix="/v1/admin/audit", tags=["admin"])


class AuditEventOut(Out):
    """One act. Ids only: whose they are, the reader looks up with the permissions for that."""

    id: UUID
    at: datetime
    action: str
    account_id: UUID | None
    service_token_id: UUID | None
    branch_id: UUID | None
    object_kind: str
    object_id: UUID
    request_id: str | None
    detail: dict[str, Any]


class AuditParams(PageParams):
    """Filters; `since` counts, `until` does not."""

    action: Annotated[str, StringConstraints(pattern=r"^[a-z_]+:[a-z_]+$", max_length=60)] | None = None
    account_id: UUID | None = None
    object_id: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None


@router.get("", summary="Read the audit", **admin_operation(Permission.audit_read))
async def list_audit_events(
    session: Session, actor: CurrentAdmin, keys: CurrentKeys, params: Annotated[AuditParams, Query()]
) -> Page[AuditEventOut]:
    """What happened in the caller's subtrees, the newest first."""
    after = decode_cursor(keys.hash_key, "audit", params.cursor)
    wanted = AuditFilter(
        action=params.action,
        account_id=params.account_id,
        object_id=params.object_id,
        since=params.since,
        until=params.until,
    )
    found = await audit.list_events(session, actor, wanted, after=UUID(after[0]) if after else None, limit=params.limit)
    return page_of(
        keys.hash_key, "audit", found, params.limit, show=AuditEventOut.model_validate, place=lambda event: [event.id]
    )
