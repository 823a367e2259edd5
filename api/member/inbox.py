"""Notifications: what was announced to the person, whether a phone was reached or not."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, status

from api.deps import CurrentActor, CurrentKeys, Now, ReadLanguage, Session
from api.i18n import say
from api.openapi import problems
from api.types import Out, Page, PageParams, decode_cursor, encode_cursor
from models.base import Language
from models.push import Category, Cause, LinkKind
from services.push import inbox

router = APIRouter(prefix="/v1/me/inbox", tags=["member"])


class NotificationOut(Out):
    """One notification, in the language asked for. The app opens `link_kind` with `link_id`."""

    id: UUID
    type: Cause
    category: Category
    link_kind: LinkKind
    link_id: UUID
    title: str
    body: str
    created_at: datetime
    unread: bool


class InboxOut(Page[NotificationOut]):
    """A page, the newest first. `unread_count` stops at 100."""

    unread_count: int


def read_out(row: Any, language: Language) -> NotificationOut:
    """The row as people read it."""
    return NotificationOut(
        id=row.id,
        type=row.cause,
        category=row.category,
        link_kind=row.link_kind,
        link_id=row.link_id,
        title=say(f"push.{row.cause}.title", language),
        body=say(f"push.{row.cause}.body", language),
        created_at=row.created_at,
        unread=row.unread,
    )


@router.get("", summary="List notifications", responses=problems())
async def list_inbox(
    session: Session,
    actor: CurrentActor,
    language: ReadLanguage,
    keys: CurrentKeys,
    params: Annotated[PageParams, Query()],
    now: Now,
) -> InboxOut:
    """What was announced in the last 90 days to the person and, since the membership began, to the own branches."""
    position = decode_cursor(keys.hash_key, "inbox", params.cursor)
    before = (datetime.fromisoformat(position[0]), UUID(position[1])) if position else None
    found = await inbox.list_inbox(session, actor, before=before, limit=params.limit, now=now)
    items = [read_out(row, language) for row in found[: params.limit]]
    more = len(found) > params.limit
    position = [items[-1].created_at.isoformat(), str(items[-1].id)] if more else []
    return InboxOut(
        items=items,
        next_cursor=encode_cursor(keys.hash_key, "inbox", position) if more else None,
        unread_count=await inbox.count_unread(session, actor, now=now),
    )


@router.put(
    "/read",
    summary="Mark all notifications as read",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(),
)
async def mark_all_read(session: Session, actor: CurrentActor, now: Now) -> None:
    """All that was announced until now."""
    await inbox.mark_all_read(session, actor, now=now)


@router.put(
    "/{notification_id}/read",
    summary="Mark a notification as read",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(404),
)
async def mark_read(notification_id: UUID, session: Session, actor: CurrentActor, now: Now) -> None:
    """Doing it twice changes nothing."""
    await inbox.mark_read(session, actor, notification_id, now=now)
