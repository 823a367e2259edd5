"""The petition desk."""

from io import BytesIO
from itertools import count

from models.base import Language, new_id
from models.branches import Branch
from models.petitions import Outcome, Petition, PetitionAttachment, PetitionKind, PetitionState
from models.roles import RoleName
from models.uploads import Upload
from services.calendar import WorkingCalendar
from services.files import CheckedFile, put_file
from services.keyring import fingerprint
from services.petitions.deadlines import first_due
from tests.contract.recipes import Ground, Maker, Recipe
from tests.factories.files import PDF
from tests.factories.world import LONG_AGO, give_role

ASSIGNEE = "Daulet"
ORIGINAL = "AT-2020-999999"
sequences = count(1)


def petition_row(branch: Branch, state: PetitionState, *, number: str | None = None) -> Petition:
    """A petition in some state, of nobody."""
    sequence, petition_id = next(sequences), new_id()
    return Petition(
        id=petition_id,
        number=number or f"AT-2021-{sequence:06d}",
        region_code="AT",
        year=2021,
        sequence=sequence,
        kind=PetitionKind.notice,
        category_code="roads",
        state=state,
        outcome=Outcome.explained if state is PetitionState.decided else None,
        branch_id=branch.id,
        language=Language.kk,
        encryption_key_id="none",
        tracking_code_hash=fingerprint(str(petition_id)),
        received_at=LONG_AGO,
        due_on=first_due(WorkingCalendar(), LONG_AGO),
        updated_at=LONG_AGO,
    )


def a_petition(state: PetitionState) -> Maker:
    """Makes a petition in `state`; what stands for it is its number."""

    async def make(ground: Ground, branch: Branch) -> object:
        petition = petition_row(branch, state)
        ground.session.add(petition)
        await ground.session.flush()
        return petition.number

    return make


async def one_to_assign(ground: Ground, branch: Branch) -> object:
    """A registered petition, and somebody who may be given it."""
    await give_role(ground.session, ground.world.people[ASSIGNEE].account_id, branch, RoleName.petition_desk)
    return await a_petition(PetitionState.registered)(ground, branch)


async def one_of_two(ground: Ground, branch: Branch) -> object:
    """A petition beside another that it may repeat."""
    ground.session.add(petition_row(branch, PetitionState.registered, number=ORIGINAL))
    return await a_petition(PetitionState.received)(ground, branch)


async def one_with_a_file(ground: Ground, branch: Branch) -> object:
    """A petition and its file."""
    petition = petition_row(branch, PetitionState.received)
    owner = ground.world.people["Aigul"].account_id
    upload = Upload(
        account_id=owner,
        created_at=LONG_AGO,
        stored_at=LONG_AGO,
        attached_at=LONG_AGO,
        media_type="application/pdf",
        size_bytes=len(PDF),
    )
    for row in (petition, upload, PetitionAttachment(upload_id=upload.id, petition_id=petition.id, position=0)):
        ground.session.add(row)
        await ground.session.flush()
    await put_file(ground.runtime.files, upload.file_name, CheckedFile("application/pdf", BytesIO(PDF), len(PDF)))
    return petition.number, upload.id


RECIPES = {
    "list_desk_petitions": Recipe(make=a_petition(PetitionState.received), listed=True, key="number"),
    "get_desk_petition": Recipe(make=a_petition(PetitionState.received)),
    "get_desk_attachment": Recipe(make=one_with_a_file),
    "register_petition": Recipe(make=a_petition(PetitionState.received), body=lambda _: {}),
    "assign_petition": Recipe(
        make=one_to_assign, body=lambda ground: {"account_id": str(ground.world.people[ASSIGNEE].account_id)}
    ),
    "start_petition": Recipe(make=a_petition(PetitionState.assigned), body=lambda _: {}),
    "ask_applicant": Recipe(make=a_petition(PetitionState.in_progress), body=lambda _: {"public_text": "Қай үй?"}),
    "decide_petition": Recipe(
        make=a_petition(PetitionState.in_progress), body=lambda _: {"outcome": "satisfied", "public_text": "Шешілді"}
    ),
    "close_petition": Recipe(make=a_petition(PetitionState.decided), body=lambda _: {}),
    "reject_petition": Recipe(
        make=a_petition(PetitionState.received), body=lambda _: {"code": "unclear", "public_text": "Түсініксіз"}
    ),
    "mark_petition_duplicate": Recipe(make=one_of_two, body=lambda _: {"original": ORIGINAL}),
    "add_petition_note": Recipe(make=a_petition(PetitionState.decided), body=lambda _: {"text": "Ескерту"}),
}
