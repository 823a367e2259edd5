"""A person's own settings."""

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account
from models.base import Language
from models.push import Category
from services.actors import Actor
from services.changes import Topic, announce_change

Preferences = Mapping[Category, bool]
"""Whether a category is pushed. The inbox shows all of them in any case."""


async def read_preferences(session: AsyncSession, account_id: UUID) -> Preferences:
    """All categories; what was never switched is on."""
    stored = (await session.exec(select(Account.notification_preferences).where(col(Account.id) == account_id))).one()
    return {category: stored.get(category.value, True) for category in Category}


async def update_own_settings(
    session: AsyncSession, actor: Actor, *, language: Language | None, preferences: Preferences
) -> None:
    """Change the language people and phones are written to in, and switch categories; None and absent ones stay."""
    changes: dict[str, object] = {}
    if language is not None:
        changes["language"] = language
    if preferences:
        switched = {category.value: on for category, on in preferences.items()}
        changes["notification_preferences"] = col(Account.notification_preferences).op("||")(
            sa.cast(switched, Account.__table__.c.notification_preferences.type)  # type: ignore[attr-defined]  # SQLModel
        )
    if changes:
        account_id = actor.require_account()
        await session.exec(sa.update(Account).where(col(Account.id) == account_id).values(changes))
        await announce_change(session, Topic.account, account_id)
