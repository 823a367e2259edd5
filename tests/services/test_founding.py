"""The first step on an empty database."""

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import Runtime
from models.accounts import Account
from models.base import utc_now
from models.branches import Branch, BranchLevel
from models.roles import Role, RoleName
from services.founding import AlreadyFoundedError, found_organisation
from services.phones import InvalidPhoneError
from tests.factories.world import World

NAME = {"kk": "Орталық аппарат", "ru": "Центральный аппарат"}


async def test_the_first_admin_holds_the_head_office_role_at_the_root(session: AsyncSession, runtime: Runtime) -> None:
    account_id = await found_organisation(
        session, runtime.keys, code="kz", name=NAME, phone="8 701 123 45 67", now=utc_now()
    )
    root = (await session.exec(select(Branch))).one()
    role = (await session.exec(select(Role).where(col(Role.account_id) == account_id))).one()
    account = await session.get_one(Account, account_id)
    assert (root.level, root.path, role.branch_id, role.name) == (
        BranchLevel.republic,
        "kz",
        root.id,
        RoleName.head_office_admin,
    )
    assert account.phone_hash == runtime.keys.keyed_hash("+77011234567", purpose="phone")


async def test_an_organisation_is_founded_once(session: AsyncSession, runtime: Runtime, world: World) -> None:
    with pytest.raises(AlreadyFoundedError):
        await found_organisation(session, runtime.keys, code="xx", name=NAME, phone="+77011234567", now=utc_now())


async def test_founding_wants_a_phone(session: AsyncSession, runtime: Runtime) -> None:
    with pytest.raises(InvalidPhoneError):
        await found_organisation(session, runtime.keys, code="kz", name=NAME, phone="12", now=utc_now())
