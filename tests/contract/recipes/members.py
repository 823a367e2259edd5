"""Members."""

from uuid import uuid4

from models.branches import Branch
from tests.contract.recipes import OTHER_PRIMARY, PRIMARY, Ground, Recipe
from tests.factories.members import member_body
from tests.factories.world import make_person


async def a_member(ground: Ground, branch: Branch) -> object:
    """A member of that very branch, whatever its level."""
    phone = f"+7700{uuid4().int % 10**7:07d}"
    person = await make_person(ground.session, ground.runtime.keys, "Matrix", phone, branch)
    return person.member_id


RECIPES = {
    "list_members": Recipe(make=a_member, listed=True),
    "search_members": Recipe(make=a_member, listed=True, body=lambda _: {"by": "name", "value": "Сериков"}),
    "create_member": Recipe(paths=(PRIMARY,), body=lambda ground: member_body(ground.branch(PRIMARY))),
    "get_member": Recipe(make=a_member, paths=(PRIMARY,)),
    "update_member": Recipe(make=a_member, paths=(PRIMARY,), body=lambda _: {"youth_wing": True}),
    "transfer_member": Recipe(
        make=a_member,
        paths=(PRIMARY, OTHER_PRIMARY),
        body=lambda ground: {"branch_id": ground.branch_id(OTHER_PRIMARY), "started_on": "2026-03-02"},
    ),
    "leave_party": Recipe(make=a_member, paths=(PRIMARY,), body=lambda _: {"left_on": "2026-03-02"}),
}
