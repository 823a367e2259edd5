"""Polls."""

from models.branches import Branch
from models.polls import PollState
from tests.contract.recipes import OWN, Ground, Recipe
from tests.factories.polls import make_poll, make_questions

TEXTS = {"kk": "Жол", "ru": "Дорога"}


async def a_draft(ground: Ground, branch: Branch) -> object:
    """A poll that nobody sees yet."""
    return (await make_poll(ground.session, branch, state=PollState.draft)).id


async def a_poll(ground: Ground, branch: Branch) -> object:
    """An open poll."""
    return (await make_poll(ground.session, branch)).id


RECIPES = {
    "list_branch_polls": Recipe(make=a_draft, listed=True),
    "create_poll": Recipe(
        body=lambda ground: {"branch_id": ground.branch_id(OWN), "title": TEXTS, "questions": make_questions()}
    ),
    "get_branch_poll": Recipe(make=a_draft),
    "update_poll": Recipe(make=a_draft, body=lambda _: {"title": TEXTS}),
    "publish_poll": Recipe(make=a_draft, body=lambda _: {}),
    "close_poll": Recipe(make=a_poll),
    "cancel_poll": Recipe(make=a_poll, body=lambda _: {"reason": TEXTS}),
    "duplicate_poll": Recipe(make=a_draft),
    "get_branch_results": Recipe(make=a_poll),
}
