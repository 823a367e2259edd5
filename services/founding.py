"""The beginning: the root of the tree, and the first person, who may do everything else through the API."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language, Translations
from models.branches import Branch, BranchLevel
from models.roles import Role, RoleName
from services import audit
from services.actors import Actor
from services.keyring import Keyring
from services.phones import normalise_phone
from services.sign_in.sessions import find_or_make_account

OPERATOR: Final = Actor(account_id=None)


class AlreadyFoundedError(Exception):
    """The tree has a root; its admins appoint others."""


async def found_organisation(
    session: AsyncSession, keys: Keyring, *, code: str, name: Translations, phone: str, now: datetime
) -> UUID:
    """Make the root branch and give its head-office role to the account of a phone; the account's id.

    Raises:
        InvalidPhoneError: it is no phone number.
        AlreadyFoundedError: there is a root.
    """
    number = normalise_phone(phone)
    if (await session.exec(select(Branch.id).where(col(Branch.parent_id).is_(None)))).first() is not None:
        raise AlreadyFoundedError
    root = Branch(level=BranchLevel.republic, code=code, path=code, name=name, created_at=now)
    session.add(root)
    account = await find_or_make_account(session, keys, number, language=Language.kk, now=now)
    await session.flush()
    role = Role(account_id=account.id, branch_id=root.id, name=RoleName.head_office_admin, granted_at=now)
    session.add(role)
    await session.flush()
    audit.record(session, OPERATOR, "branches:found", object_kind="branch", object_id=root.id, branch_id=None, now=now)
    audit.record(session, OPERATOR, "roles:grant", object_kind="role", object_id=role.id, branch_id=root.id, now=now)
    return account.id
