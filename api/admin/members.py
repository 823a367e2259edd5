"""Members, for the staff of their branches."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from pydantic import Field, StringConstraints

from api.deps import CurrentAdmin, CurrentKeys, ExpectedVersion, Now, Session
from api.openapi import admin_operation
from api.types import Day, Flag, In, Line, Out, Page, PageParams, decode_cursor, page_of
from models.branches import Branch
from models.members import DuesCategory, Member, MemberState, Sex
from services.branches import UnknownSettlementError
from services.iin import InvalidIinError
from services.members import moving, reading, writing
from services.members.reading import Listed, MemberRecord, SearchKey
from services.members.writing import (
    MembershipDateError,
    MemberStateError,
    NewMember,
    NotPrimaryError,
    TakenError,
)
from services.permissions import Permission
from services.phones import InvalidPhoneError

router = APIRouter(prefix="/v1/admin/members", tags=["admin"])
CURSOR = "members"
FIELD_ERRORS = (InvalidIinError, InvalidPhoneError, UnknownSettlementError, TakenError)
MOVE_ERRORS = (MemberStateError, MembershipDateError, moving.RolesHeldError)

Iin = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$"), Field(examples=["940412403175"])]
PhoneNumber = Annotated[Line, StringConstraints(max_length=40), Field(examples=["+7 701 123 45 67"])]
CardNumber = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,32}$"), Field(examples=["00001234"])]


class MemberIn(In):
    """Somebody who joins a primary organisation. Birth date and sex follow from the IIN; `phone` is to sign in with."""

    branch_id: UUID
    iin: Iin
    family_name: Line
    given_name: Line
    patronymic: Line | None = None
    phone: PhoneNumber | None = None
    youth_wing: Flag = False
    dues_category: DuesCategory = DuesCategory.standard
    settlement_id: UUID | None = None
    card_number: CardNumber | None = None
    admitted_on: Day


class MemberEdit(In):
    """What changes; what is left out stays. Patronymic, settlement and card number can be taken away by null."""

    iin: Iin | None = None
    family_name: Line | None = None
    given_name: Line | None = None
    patronymic: Line | None = None
    phone: PhoneNumber | None = None
    youth_wing: Flag | None = None
    dues_category: DuesCategory | None = None
    settlement_id: UUID | None = None
    card_number: CardNumber | None = None

    def changes(self) -> dict[str, Any]:
        """New values by name."""
        kept = {name for name in self.model_fields_set if name in NULLABLE or getattr(self, name) is not None}
        return {name: getattr(self, name) for name in sorted(kept)}


class SearchIn(In):
    """The start of a name (family name first), a whole phone or a whole IIN; in a body, since URLs are logged."""

    by: SearchKey
    value: Annotated[Line, Field(examples=["Сәрсенова Ай"])]


class TransferIn(In):
    """The primary organisation to belong to, and the first day of it: past or today."""

    branch_id: UUID
    started_on: Day


class LeavingIn(In):
    """The first day without membership: past or today."""

    left_on: Day


class MemberRow(Out):
    """A member in a list; `branch_id`: the primary organisation, the last one of those who left."""

    id: UUID
    branch_id: UUID
    family_name: str | None
    given_name: str | None
    patronymic: str | None
    card_number: str | None
    state: MemberState
    admitted_on: date


class StayOut(Out):
    """A stay in a primary organisation; `ended_on` is the first day after it."""

    branch_id: UUID
    started_on: date
    ended_on: date | None


class MemberOut(MemberRow):
    """A member. `iin` is null for callers without members:read_iin; `memberships`: the oldest first."""

    account_id: UUID | None
    phone: str | None
    iin: str | None
    birth_on: date | None
    sex: Sex | None
    youth_wing: bool
    dues_category: DuesCategory
    settlement_id: UUID | None
    memberships: list[StayOut]
    created_at: datetime
    version: int


class MemberWrittenOut(Out):
    """What became of a write. Nothing personal: who may write need not be allowed to read."""

    id: UUID
    branch_id: UUID
    state: MemberState
    version: int


class MemberFilter(PageParams):
    """Only members of a branch and those below it, or of one state; without `state`, all who belong to the party."""

    branch_id: UUID | None = None
    state: MemberState | None = None


NULLABLE = frozenset({"patronymic", "settlement_id", "card_number"})


def row_out(listed: Listed) -> MemberRow:
    """A member in a list."""
    member, branch = listed
    return MemberRow.model_validate(member.model_dump() | {"branch_id": branch.id})


def record_out(record: MemberRecord, response: Response) -> MemberOut:
    """All that the caller may read, with the version as ETag."""
    response.headers["etag"] = f'"{record.member.version}"'
    more = {
        "branch_id": record.branch.id,
        "phone": record.phone,
        "iin": record.iin,
        "memberships": [StayOut.model_validate(stay) for stay in record.stays],
    }
    return MemberOut.model_validate(record.member.model_dump() | more)


def written_out(written: tuple[Member, Branch], response: Response) -> MemberWrittenOut:
    """The new state, with its version as ETag."""
    member, branch = written
    response.headers["etag"] = f'"{member.version}"'
    return MemberWrittenOut(id=member.id, branch_id=branch.id, state=member.state, version=member.version)


def place_of(listed: Listed) -> list[UUID]:
    """Where the next page begins: an id, not the name that the list is sorted by."""
    return [listed[0].id]


@router.get("", summary="List members", **admin_operation(Permission.members_read))
async def list_members(
    session: Session, actor: CurrentAdmin, keys: CurrentKeys, now: Now, params: Annotated[MemberFilter, Query()]
) -> Page[MemberRow]:
    """The members of the caller's subtrees in Kazakh alphabetical order. The reading is audited."""
    after = decode_cursor(keys.hash_key, CURSOR, params.cursor)
    found = await reading.list_members(
        session,
        actor,
        branch_id=params.branch_id,
        state=params.state,
        after=UUID(after[0]) if after else None,
        limit=params.limit,
        now=now,
    )
    return page_of(keys.hash_key, CURSOR, found, params.limit, show=row_out, place=place_of)


@router.post(
    "/search", summary="Find members", **admin_operation(Permission.members_read, InvalidIinError, InvalidPhoneError)
)
async def search_members(
    body: SearchIn,
    session: Session,
    actor: CurrentAdmin,
    keys: CurrentKeys,
    now: Now,
    params: Annotated[PageParams, Query()],
) -> Page[MemberRow]:
    """Members of the caller's subtrees, those who left too, in Kazakh alphabetical order. The reading is audited."""
    after = decode_cursor(keys.hash_key, CURSOR, params.cursor)
    found = await reading.search_members(
        session,
        keys,
        actor,
        by=body.by,
        value=body.value,
        after=UUID(after[0]) if after else None,
        limit=params.limit,
        now=now,
    )
    return page_of(keys.hash_key, CURSOR, found, params.limit, show=row_out, place=place_of)


@router.post(
    "",
    summary="Register a member",
    status_code=status.HTTP_201_CREATED,
    **admin_operation(Permission.members_write, NotPrimaryError, MembershipDateError, *FIELD_ERRORS),
)
async def create_member(
    body: MemberIn, session: Session, actor: CurrentAdmin, keys: CurrentKeys, now: Now, response: Response
) -> MemberWrittenOut:
    """Register a member of a primary organisation; with a phone, they can sign in from now on."""
    written = await writing.create_member(session, keys, actor, NewMember(**dict(body)), now=now)
    return written_out(written, response)


@router.get("/{member_id}", summary="Read a member", **admin_operation(Permission.members_read))
async def get_member(
    member_id: UUID, session: Session, actor: CurrentAdmin, keys: CurrentKeys, now: Now, response: Response
) -> MemberOut:
    """One member of the caller's subtrees. The reading is audited."""
    return record_out(await reading.read_member(session, keys, actor, member_id, now=now), response)


@router.patch(
    "/{member_id}",
    summary="Correct a member",
    **admin_operation(Permission.members_write, MemberStateError, *FIELD_ERRORS),
)
async def update_member(
    member_id: UUID,
    body: MemberEdit,
    session: Session,
    actor: CurrentAdmin,
    keys: CurrentKeys,
    version: ExpectedVersion,
    now: Now,
    response: Response,
) -> MemberWrittenOut:
    """Change what is known of a member; If-Match carries the ETag of the read. Another phone is another account."""
    written = await writing.edit_member(
        session, keys, actor, member_id, changes=body.changes(), version=version, now=now
    )
    return written_out(written, response)


@router.post(
    "/{member_id}/transfer",
    summary="Move a member to another organisation",
    **admin_operation(Permission.members_write, NotPrimaryError, moving.AlreadyThereError, *MOVE_ERRORS),
)
async def transfer_member(
    member_id: UUID, body: TransferIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> MemberWrittenOut:
    """Let a member belong to another primary organisation from a day on; the history stays. The caller needs
    members:write in both organisations."""
    written = await moving.transfer_member(
        session, actor, member_id, branch_id=body.branch_id, started_on=body.started_on, now=now
    )
    return written_out(written, response)


@router.post(
    "/{member_id}/leave",
    summary="Let a member leave",
    **admin_operation(Permission.members_write, *MOVE_ERRORS),
)
async def leave_party(
    member_id: UUID, body: LeavingIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> MemberWrittenOut:
    """End the membership. The member app shows the person what an applicant sees."""
    written = await moving.end_membership(session, actor, member_id, left_on=body.left_on, now=now)
    return written_out(written, response)
