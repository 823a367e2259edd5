"""Who holds which role in the demo, with which devices and keys."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from models.branches import Branch
from models.roles import Role, RoleName
from services.demo.fixed import demo_id, moment
from services.demo.membership import uses_app
from services.demo.organisation import REGION_PATH, ROOT, Organisation
from services.demo.people import CHAIR, DISTRICT_ADMIN, HEAD_OFFICE_ADMIN, INTRODUCED, Person

GRANTED_ON: Final = date(2025, 2, 3)
REGION_STAFF: Final = (
    RoleName.branch_admin,
    RoleName.petition_desk,
    RoleName.editor,
    RoleName.treasurer,
    RoleName.party_control,
    RoleName.councillor,
    RoleName.councillor,
)
DISTRICT_STAFF: Final = (
    RoleName.branch_admin,
    RoleName.petition_desk,
    RoleName.editor,
    RoleName.treasurer,
    RoleName.councillor,
)


def make_roles(organisation: Organisation, people: Sequence[Person]) -> list[Role]:
    """One person a role: a chair in every primary organisation, staff in the districts and the region."""
    by_number = {person.number: person for person in people}
    head_office = by_number[HEAD_OFFICE_ADMIN]
    roles = [
        hold(head_office, organisation.branches[ROOT], RoleName.head_office_admin),
        hold(by_number[CHAIR], by_number[CHAIR].branch, RoleName.chair),
        hold(by_number[DISTRICT_ADMIN], organisation.branches["kz.at.maqat"], RoleName.branch_admin),
    ]
    filled = {(role.branch_id, role.name) for role in roles}
    free = [person for person in people if person.number not in INTRODUCED and uses_app(person)]
    for branch, name in places(organisation):
        if (branch.id, name) in filled and name is not RoleName.councillor:
            continue
        person = next(person for person in free if person.branch.path.startswith(branch.path))
        free.remove(person)
        roles.append(hold(person, branch, name))
    return roles


def places(organisation: Organisation) -> Iterator[tuple[Branch, RoleName]]:
    """Each role to be held, with its branch."""
    yield from ((branch, RoleName.chair) for branch in organisation.primaries)
    yield from ((branch, name) for branch in organisation.districts for name in DISTRICT_STAFF)
    yield from ((organisation.branches[REGION_PATH], name) for name in REGION_STAFF)


def hold(person: Person, branch: Branch, name: RoleName) -> Role:
    """A role held since the same day by all."""
    return Role(
        id=demo_id("role", f"{person.number}:{branch.path}:{name}"),
        account_id=person.account_id,
        branch_id=branch.id,
        name=name,
        granted_at=moment(GRANTED_ON),
    )
