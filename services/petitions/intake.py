"""Filing a petition: the number is taken late, since whoever files next waits for it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.branches import Branch, BranchLevel
from models.db import execute
from models.petitions import (
    Petition,
    PetitionAction,
    PetitionAttachment,
    PetitionCategory,
    PetitionCounter,
    PetitionKind,
    PetitionSeries,
)
from services.actors import Actor
from services.branches import check_settlement
from services.calendar import business_date, load_calendar
from services.errors import ConflictError, InvalidError
from services.keyring import Keyring, fingerprint
from services.petitions.deadlines import first_due
from services.petitions.sealing import seal, tracking_code
from services.petitions.steps import make_event
from services.uploads import attach_uploads

LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
REGION: Final = sa.text("SELECT region_code FROM branch WHERE path @> CAST(:path AS ltree) AND level = 'region'")
COUNTRY: Final = "KZ"
"""In the numbers of petitions to the republic's branch, which is in no region."""


class UnknownCategoryError(InvalidError):
    """No such category, or it is closed."""

    code = "unknown_category"


class UnknownReceiverError(InvalidError):
    """No such branch takes petitions: districts and those above them do. Who is no member has to name one."""

    code = "unknown_receiver"


class PetitionIdTakenError(ConflictError):
    """Another petition has this id."""

    code = "petition_id_taken"


@dataclass(frozen=True)
class Filing:
    """What somebody files. `id` is made by the phone; `branch_id` None means the own district."""

    id: UUID
    kind: PetitionKind
    category: str
    text: str
    branch_id: UUID | None = None
    settlement_id: UUID | None = None
    subject: str | None = None
    place: str | None = None
    contact: str | None = None
    attachments: list[UUID] = field(default_factory=list)


async def file_petition(
    session: AsyncSession, keys: Keyring, actor: Actor, filing: Filing, *, now: datetime
) -> Petition:
    """File a petition; one that the actor filed before under the same id is returned as it is.

    Raises:
        UnknownCategoryError, UnknownReceiverError, UnknownSettlementError: name one that exists.
        UploadNotUsableError: an attachment is not an unused upload of the actor's own.
        PetitionIdTakenError: the id is somebody else's.
    """
    account_id = actor.require_account()
    await execute(session, LOCK, name=f"petition:{filing.id}")
    before = await session.get(Petition, filing.id)
    if before is not None:
        if before.applicant_account_id != account_id:
            raise PetitionIdTakenError
        return before
    category = await read_category(session, filing.category)
    branch = await receiving_branch(session, actor, filing.branch_id, confidential=category.confidential)
    await check_settlement(session, filing.settlement_id)
    files = await attach_uploads(session, actor, filing.attachments, now=now)
    petition = await new_petition(session, keys, actor, filing, category=category, branch=branch, now=now)
    session.add(petition)
    await session.flush()
    session.add_all(
        PetitionAttachment(upload_id=upload.id, petition_id=petition.id, position=position)
        for position, upload in enumerate(files)
    )
    session.add(make_event(keys, actor, petition, PetitionAction.file, now=now))
    await session.flush()
    return petition


async def read_category(session: AsyncSession, code: str) -> PetitionCategory:
    """A category that is open.

    Raises:
        UnknownCategoryError: there is none of this code.
    """
    category = await session.get(PetitionCategory, code)
    if category is None or category.closed_at is not None:
        raise UnknownCategoryError
    return category


async def receiving_branch(
    session: AsyncSession, actor: Actor, branch_id: UUID | None, *, confidential: bool
) -> Branch:
    """The branch that a petition goes to: the one named, or the own district; a confidential one to the branch above.

    Raises:
        UnknownReceiverError: there is none.
    """
    wanted = select(Branch).where(col(Branch.closed_at).is_(None))
    if branch_id is None:
        wanted = wanted.where(col(Branch.id).in_(actor.branch_chain), col(Branch.level) == BranchLevel.district)
    else:
        wanted = wanted.where(col(Branch.id) == branch_id, col(Branch.level) != BranchLevel.primary)
    branch = (await session.exec(wanted)).one_or_none()
    if branch is None:
        raise UnknownReceiverError
    above = await session.get(Branch, branch.parent_id) if confidential and branch.parent_id else None
    return above or branch


async def new_petition(
    session: AsyncSession,
    keys: Keyring,
    actor: Actor,
    filing: Filing,
    *,
    category: PetitionCategory,
    branch: Branch,
    now: datetime,
) -> Petition:
    """The row of a petition, with its number; whoever files next in the series waits until this transaction ends."""
    calendar = await load_calendar(session)
    region = (await execute(session, REGION, path=branch.path)).scalar_one_or_none() or COUNTRY
    series = PetitionSeries.confidential if category.confidential else PetitionSeries.general
    year = business_date(now).year
    sequence = await take_sequence(session, region, year, series)
    return Petition(
        id=filing.id,
        number=format_number(region, year, series, sequence),
        region_code=region,
        year=year,
        series=series,
        sequence=sequence,
        kind=filing.kind,
        category_code=category.code,
        branch_id=branch.id,
        settlement_id=filing.settlement_id,
        applicant_account_id=actor.account_id,
        language=actor.language,
        confidential=category.confidential,
        text_encrypted=seal(keys, filing.id, "petition.text", filing.text),
        subject_encrypted=seal(keys, filing.id, "petition.subject", filing.subject),
        place_encrypted=seal(keys, filing.id, "petition.place", filing.place),
        contact_encrypted=seal(keys, filing.id, "petition.contact", filing.contact),
        encryption_key_id=keys.current_encryption_id,
        tracking_code_hash=fingerprint(tracking_code(keys, filing.id)),
        consented_at=now,
        received_at=now,
        due_on=first_due(calendar, now),
        updated_at=now,
    )


async def take_sequence(session: AsyncSession, region: str, year: int, series: PetitionSeries) -> int:
    """The next number of a series. Given back if the transaction fails, hence without gaps."""
    first = insert(PetitionCounter).values(region_code=region, year=year, series=series, last_sequence=1)
    following = first.on_conflict_do_update(
        index_elements=["region_code", "year", "series"],
        set_={"last_sequence": PetitionCounter.last_sequence + 1},
    )
    taken: int = (await session.exec(following.returning(col(PetitionCounter.last_sequence)))).scalar_one()
    return taken


def format_number(region: str, year: int, series: PetitionSeries, sequence: int) -> str:
    """AT-2026-000123; AT-2026-C000007 in the confidential series."""
    mark = "C" if series is PetitionSeries.confidential else ""
    return f"{region}-{year}-{mark}{sequence:06d}"
