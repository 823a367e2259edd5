"""The tree, and the calendar that only head office keeps."""

from models.branches import Branch
from tests.contract.recipes import OWN, Ground, Recipe

ROOT = "kz"
TEXTS = {"kk": "Жаңа", "ru": "Новый"}


async def the_branch(ground: Ground, branch: Branch) -> object:
    """The branch itself."""
    return branch.id


async def some_day(ground: Ground, branch: Branch) -> object:
    """A day without an exception: its version is 0."""
    return "2026-03-11"


RECIPES = {
    "get_admin_me": Recipe(),
    "list_branches": Recipe(make=the_branch, listed=True),
    "create_branch": Recipe(body=lambda ground: {"parent_id": ground.branch_id(OWN), "code": "p9", "name": TEXTS}),
    "get_branch": Recipe(make=the_branch),
    "update_branch": Recipe(make=the_branch, body=lambda _: {"name": TEXTS}),
    "get_calendar_day": Recipe(make=some_day, paths=(ROOT,)),
    "put_calendar_day": Recipe(
        make=some_day, paths=(ROOT,), version=0, body=lambda _: {"working": False, "note": "Ауыстыру"}
    ),
}
