"""Articles with fixed, readable texts."""

from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language
from models.branches import Branch
from models.news import Article, ArticleState, ArticleTranslation
from tests.factories.world import LONG_AGO


def text_in(title: str) -> dict[str, str]:
    """A text as the admin API takes it."""
    return {"title": title, "summary": f"{title}: қысқаша", "body_markdown": f"**{title}** туралы толық мәтін."}


async def make_article(
    session: AsyncSession,
    branch: Branch,
    title: str,
    *,
    at: datetime = LONG_AGO,
    languages: tuple[Language, ...] = (Language.kk,),
    **values: Any,
) -> Article:
    """An article published at `at`, unless `values` say otherwise; its title in each language is "title [language]"
    but in Kazakh, where it is the title itself."""
    article = Article(
        **{"state": ArticleState.published, "published_at": at} | values,
        branch_id=branch.id,
        created_at=at,
        updated_at=at,
    )
    session.add(article)
    await session.flush()
    for language in languages:
        shown = title if language is Language.kk else f"{title} [{language}]"
        session.add(
            ArticleTranslation(
                article_id=article.id,
                language=language,
                title=shown,
                summary=f"{shown}: қысқаша",
                body_markdown=shown,
                body_html=f"<p>{shown}</p>",
            )
        )
    await session.commit()
    return article
