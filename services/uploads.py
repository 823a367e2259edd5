"""Files that people send: checked, cleaned, kept outside the database, and removed when nothing uses them.

An upload belongs to its account until something attaches it; then whoever may read that thing may read the file.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.db import execute
from models.uploads import Upload
from services.actors import Actor
from services.errors import InvalidError, NotFoundError, TooManyError
from services.files import IMAGE_TYPES, CheckedFile

LIFETIME: Final = timedelta(hours=24)
# Longer than LIFETIME: an upload attached in the last second of its life must not meet its removal.
REMOVED_AFTER: Final = timedelta(hours=25)
MAX_UNATTACHED: Final = 50
BATCH: Final = 500

LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class TooManyUploadsError(TooManyError):
    """The account has too many files that nothing uses."""

    code = "too_many_uploads"


class UploadNotUsableError(InvalidError):
    """An upload that is somebody else's, too old, used already, unfinished or not there."""

    code = "upload_not_usable"


class NotAnImageError(InvalidError):
    """A picture was asked for."""

    code = "not_an_image"


async def begin_upload(session: AsyncSession, actor: Actor, *, now: datetime) -> Upload:
    """Make the row of a file that is about to come.

    Raises:
        TooManyUploadsError: 50 files of the account wait for a use.
    """
    account_id = actor.require_account()
    # Uploads begun side by side queue here and count each other.
    await execute(session, LOCK, name=f"upload.begin:{account_id}")
    waiting = select(sa.func.count()).where(
        col(Upload.account_id) == account_id,
        col(Upload.attached_at).is_(None),
        col(Upload.created_at) > now - LIFETIME,
    )
    if (await session.exec(waiting)).one() >= MAX_UNATTACHED:
        raise TooManyUploadsError(limit=MAX_UNATTACHED, retry_after_s=3600)
    upload = Upload(account_id=account_id, created_at=now)
    session.add(upload)
    await session.flush()
    return upload


async def finish_upload(session: AsyncSession, upload: Upload, checked: CheckedFile, *, now: datetime) -> Upload:
    """Say that the file of an upload is in the store."""
    await session.exec(
        sa.update(Upload)
        .where(col(Upload.id) == upload.id)
        .values(
            media_type=checked.media_type,
            size_bytes=checked.size_bytes,
            width=checked.width,
            height=checked.height,
            stored_at=now,
        )
    )
    return await session.get_one(Upload, upload.id)


async def attach_uploads(
    session: AsyncSession, actor: Actor, upload_ids: Sequence[UUID], *, now: datetime
) -> Sequence[Upload]:
    """Take uploads of the actor's own into use, each once; in the order given.

    Raises:
        UploadNotUsableError: one of them cannot be; none is taken.
    """
    if not upload_ids:
        return []
    claim = (
        sa.update(Upload)
        .where(
            col(Upload.id).in_(upload_ids),
            col(Upload.account_id) == actor.require_account(),
            col(Upload.stored_at).is_not(None),
            col(Upload.attached_at).is_(None),
            col(Upload.created_at) > now - LIFETIME,
        )
        .values(attached_at=now)
        .returning(Upload)
    )
    claimed = {upload.id: upload for upload in (await session.exec(claim)).scalars()}
    if claimed.keys() != set(upload_ids) or len(claimed) != len(upload_ids):
        raise UploadNotUsableError
    return [claimed[upload_id] for upload_id in upload_ids]


async def attach_image(session: AsyncSession, actor: Actor, upload_id: UUID, *, now: datetime) -> Upload:
    """Take one picture into use, e.g. as a cover.

    Raises:
        UploadNotUsableError: as in `attach_uploads`.
        NotAnImageError: it is a document.
    """
    [upload] = await attach_uploads(session, actor, [upload_id], now=now)
    if upload.media_type not in IMAGE_TYPES:
        raise NotAnImageError
    return upload


async def release_upload(session: AsyncSession, upload_id: UUID) -> None:
    """Give up the use of a file; the clean-up removes it once it is old enough."""
    await session.exec(sa.update(Upload).where(col(Upload.id) == upload_id).values(attached_at=None))


async def read_upload(session: AsyncSession, upload_id: UUID) -> Upload:
    """A file in use, for a caller who has made sure that the reader may see what uses it.

    Raises:
        NotFoundError: no such file is in use.
    """
    upload = await session.get(Upload, upload_id)
    if upload is None or upload.attached_at is None:
        raise NotFoundError
    return upload


async def list_expired(session: AsyncSession, *, now: datetime) -> Sequence[Upload]:
    """Uploads that nothing took into use, whole or not; at most 500."""
    expired = select(Upload).where(col(Upload.attached_at).is_(None), col(Upload.created_at) <= now - REMOVED_AFTER)
    return (await session.exec(expired.order_by(col(Upload.created_at)).limit(BATCH))).all()


async def forget_uploads(session: AsyncSession, upload_ids: Sequence[UUID]) -> None:
    """Remove the rows of files that are gone from the store."""
    await session.exec(sa.delete(Upload).where(col(Upload.id).in_(upload_ids), col(Upload.attached_at).is_(None)))
