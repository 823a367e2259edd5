"""Phones that can be pushed to. The address is a secret between the phone, the push service and us."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language, new_id
from models.db import execute
from models.push import AddressKind, Device, Platform
from services.actors import Actor
from services.errors import ForbiddenError

SILENT_AFTER: Final = timedelta(days=60)
"""A phone that did not start the app for so long is not pushed to."""

PURGED_AFTER: Final = timedelta(days=270)
"""FCM itself forgets an address after 270 days of silence."""

LOCK_ADDRESS: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:address, 0))")


class OtherInstallationError(ForbiddenError):
    """A session registers the installation it was opened on and no other, so that its end stops push there."""

    code = "other_installation"


async def register_device(
    session: AsyncSession,
    actor: Actor,
    installation_id: UUID,
    *,
    address: str,
    address_kind: AddressKind,
    platform: Platform,
    language: Language,
    app_version: str,
    now: datetime,
) -> None:
    """Remember where a phone is reached, or that it still is; the app does this at every start.

    An installation belongs to the account that registered it last, and so does an address.

    Raises:
        ForbiddenError: the actor is a program.
        OtherInstallationError: the actor's session was opened on another installation.
    """
    account_id = actor.require_account()
    if installation_id != actor.installation_id:
        raise OtherInstallationError
    await execute(session, LOCK_ADDRESS, address=address)
    elsewhere = delete(Device).where(col(Device.address) == address, col(Device.installation_id) != installation_id)
    await session.exec(elsewhere)
    current = {
        "account_id": account_id,
        "address": address,
        "address_kind": address_kind,
        "platform": platform,
        "language": language,
        "app_version": app_version,
        "last_seen_at": now,
        "retired_at": None,
        "retired_reason": None,
    }
    new = insert(Device).values(id=new_id(), installation_id=installation_id, created_at=now, **current)
    await session.exec(new.on_conflict_do_update(index_elements=["installation_id"], set_=current))


async def forget_devices(session: AsyncSession, account_id: UUID, installations: Sequence[UUID]) -> None:
    """Stop pushing to installations of this account, as at sign-out. What moved to another account stays."""
    mine = delete(Device).where(col(Device.account_id) == account_id, col(Device.installation_id).in_(installations))
    await session.exec(mine)


async def purge_devices(session: AsyncSession, *, now: datetime) -> None:
    """Delete what was silent for longer than the push service remembers it."""
    await session.exec(delete(Device).where(col(Device.last_seen_at) < now - PURGED_AFTER))
