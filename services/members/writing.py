"""Members, as staff register and correct them. The IIN says birth date and sex; nobody types them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language
from models.branches import Branch, BranchLevel
from models.db import violated_constraint
from models.members import DuesCategory, Member, Membership, MemberState
from services import audit
from services.actors import Actor
from services.branches import access_branch, check_settlement
from services.calendar import business_date
from services.changes import Topic, announce_change
from services.errors import ConflictError, InvalidError, StaleVersionError
from services.iin import read_iin
from services.keyring import Keyring
from services.members.reading import access_member
from services.names import sort_key
from services.permissions import Permission
from services.phones import normalise_phone
from services.sign_in.sessions import find_or_make_account


class TakenError(ConflictError):
    """Another member has this already: `field` is iin, phone or card_number.

    That it was tried stays in the audit: it tells the caller that somebody is a member, which is not for everybody.
    """

    code = "member_taken"
    keeps_writes = True


class MemberStateError(ConflictError):
    """The member's state does not allow this."""

    code = "member_state"


class NotPrimaryError(InvalidError):
    """Members belong to primary organisations that are open."""

    code = "not_primary"


class MembershipDateError(InvalidError):
    """A membership begins and ends on days after what was before (`after`), up to today (`until`)."""

    code = "membership_date"


FIELD_OF_CONSTRAINT: Final = {
    "member_iin_hash_key": "iin",
    "member_account_id_key": "phone",
    "member_card_number_key": "card_number",
}
NAME_COLUMNS: Final = ("family_name", "given_name", "patronymic")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewMember:
    """What staff know of somebody who joins."""

    branch_id: UUID
    iin: str
    family_name: str
    given_name: str
    patronymic: str | None
    phone: str | None
    youth_wing: bool
    dues_category: DuesCategory
    settlement_id: UUID | None
    card_number: str | None
    admitted_on: date


async def access_primary(session: AsyncSession, actor: Actor, branch_id: UUID) -> Branch:
    """An open primary organisation whose members the actor may write.

    Raises:
        NotFoundError, ForbiddenError: as `access_branch`.
        NotPrimaryError: it is a branch of another level, or closed.
    """
    branch = await access_branch(session, actor, branch_id, Permission.members_write)
    if branch.level is not BranchLevel.primary or branch.closed_at is not None:
        raise NotPrimaryError
    return branch


def check_day(day: date, *, after: date | None = None, now: datetime) -> None:
    """Let pass a day after `after` and not in the future.

    Raises:
        MembershipDateError: it is another day.
    """
    until = business_date(now)
    if day > until or (after is not None and day <= after):
        raise MembershipDateError(after=after.isoformat() if after else None, until=until.isoformat())


@asynccontextmanager
async def refusing_taken(session: AsyncSession, actor: Actor, branch_id: UUID, *, now: datetime) -> AsyncIterator[None]:
    """Turn a second IIN, phone or card number, which the database refuses, into TakenError."""
    try:
        async with session.begin_nested():
            yield
            await session.flush()
    except IntegrityError as error:
        field = FIELD_OF_CONSTRAINT.get(violated_constraint(error) or "")
        if field is None:
            raise
        audit.record(
            session,
            actor,
            "members:refuse_taken",
            object_kind="branch",
            object_id=branch_id,
            branch_id=branch_id,
            now=now,
            field=field,
        )
        raise TakenError(field=field) from error


async def create_member(
    session: AsyncSession, keys: Keyring, actor: Actor, new: NewMember, *, now: datetime
) -> tuple[Member, Branch]:
    """Register a member of a primary organisation. With a phone they can sign in from now on.

    Raises:
        NotFoundError, ForbiddenError, NotPrimaryError: as `access_primary`.
        InvalidIinError, InvalidPhoneError, UnknownSettlementError: a field cannot be that.
        MembershipDateError: admitted in the future.
        TakenError: another member has the IIN, the phone or the card number.
    """
    branch = await access_primary(session, actor, new.branch_id)
    check_day(new.admitted_on, now=now)
    typed = {
        "family_name": new.family_name,
        "given_name": new.given_name,
        "patronymic": new.patronymic,
        "settlement_id": new.settlement_id,
        "iin": new.iin,
    } | ({"phone": new.phone} if new.phone else {})
    values = await column_values(session, keys, typed, now=now)
    member = Member(
        youth_wing=new.youth_wing,
        dues_category=new.dues_category,
        card_number=new.card_number,
        admitted_on=new.admitted_on,
        created_at=now,
        name_sort=sort_key(*(values[name] for name in NAME_COLUMNS)),
        **values,
    )
    async with refusing_taken(session, actor, branch.id, now=now):
        session.add(member)
    session.add(Membership(member_id=member.id, branch_id=branch.id, started_on=new.admitted_on))
    await session.flush()
    await tell(session, actor, "members:create", member, branch.id, now=now)
    return member, branch


async def edit_member(
    session: AsyncSession,
    keys: Keyring,
    actor: Actor,
    member_id: UUID,
    *,
    changes: Mapping[str, Any],
    version: int,
    now: datetime,
) -> tuple[Member, Branch]:
    """Change what is known of a member. Another phone is another account: what the old one may do, stays with it.

    Args:
        changes: new values of the columns, and `iin` and `phone` as people write them.

    Raises:
        NotFoundError, ForbiddenError: as `access_member`.
        StaleVersionError: somebody changed the member since `version`.
        MemberStateError: the member is erased.
        InvalidIinError, InvalidPhoneError, UnknownSettlementError, TakenError: as `create_member`.
    """
    member, _, branch = await access_member(session, actor, member_id, Permission.members_write, lock=True)
    if member.version != version:
        raise StaleVersionError(version=member.version)
    if member.state is MemberState.erased:
        raise MemberStateError(state=member.state.value)
    before = member.account_id
    values = await column_values(session, keys, changes, now=now)
    async with refusing_taken(session, actor, branch.id, now=now):
        for name, value in values.items():
            setattr(member, name, value)
        member.name_sort = sort_key(member.family_name, member.given_name, member.patronymic)
        member.version += 1
    if before is not None and before != member.account_id:
        await announce_change(session, Topic.account, before)
    await tell(session, actor, "members:edit", member, branch.id, now=now, fields=sorted(changes))
    return member, branch


async def column_values(
    session: AsyncSession, keys: Keyring, typed: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """What is typed, as columns: an IIN is checked and sealed, a phone becomes an account."""
    values = {name: value for name, value in typed.items() if name not in {"iin", "phone"}}
    await check_settlement(session, values.get("settlement_id"))
    if "iin" in typed:
        facts = read_iin(typed["iin"])
        values |= {
            "birth_on": facts.birth_on,
            "sex": facts.sex,
            "iin_encrypted": keys.encrypt(typed["iin"], purpose="member.iin"),
            "iin_hash": keys.keyed_hash(typed["iin"], purpose="iin"),
            "encryption_key_id": keys.current_encryption_id,
        }
    if "phone" in typed:
        phone = normalise_phone(typed["phone"])
        account = await find_or_make_account(session, keys, phone, language=Language.kk, now=now)
        values["account_id"] = account.id
    return values


async def tell(
    session: AsyncSession,
    actor: Actor,
    action: str,
    member: Member,
    branch_id: UUID,
    *,
    now: datetime,
    **detail: str | list[str],
) -> None:
    """Audit a change of a member, and let caches forget the account."""
    audit.record(
        session, actor, action, object_kind="member", object_id=member.id, branch_id=branch_id, now=now, **detail
    )
    if member.account_id is not None:
        await announce_change(session, Topic.account, member.account_id)
