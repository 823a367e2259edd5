"""News."""

from datetime import timedelta

from models.base import utc_now
from models.branches import Branch
from models.news import ArticleState
from tests.contract.recipes import OWN, Ground, Recipe
from tests.factories.news import make_article, text_in


async def a_draft(ground: Ground, branch: Branch) -> object:
    """An article that nobody reads yet."""
    return (await make_article(ground.session, branch, "Матрица", state=ArticleState.draft, published_at=None)).id


async def an_article(ground: Ground, branch: Branch) -> object:
    """A published article."""
    return (await make_article(ground.session, branch, "Матрица")).id


RECIPES = {
    "list_branch_news": Recipe(make=a_draft, listed=True),
    "create_article": Recipe(
        body=lambda ground: {"branch_id": ground.branch_id(OWN), "translations": {"kk": text_in("Жаңа")}}
    ),
    "get_article": Recipe(make=a_draft),
    "update_article": Recipe(make=a_draft, body=lambda _: {"pinned": True}),
    "publish_article": Recipe(make=a_draft),
    "schedule_article": Recipe(
        make=a_draft, body=lambda _: {"publish_at": (utc_now() + timedelta(days=1)).isoformat()}
    ),
    "withdraw_article": Recipe(make=an_article, body=lambda _: {"reason": "Қате"}),
}
