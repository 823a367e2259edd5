"""One article: for the branch's staff, and for a member below the branch."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import LANGUAGES, Language
from models.branches import Branch
from models.news import Article, ArticleState, ArticleTranslation
from models.uploads import Upload
from services.actors import Actor, authorise, in_subtrees, visible_branches
from services.errors import NotFoundError
from services.permissions import Permission
from services.uploads import read_upload


@dataclass(frozen=True, slots=True)
class ReadableArticle:
    """A published article as a member reads it: one language, with its branch."""

    article: Article
    text: ArticleTranslation
    branch: Branch


async def access_article(session: AsyncSession, actor: Actor, article_id: UUID, permission: Permission) -> Article:
    """An article of a branch in which the actor holds `permission`.

    Raises:
        NotFoundError: no such article, or it is outside the actor's branches.
        ForbiddenError: it is inside, without the permission.
    """
    found = await session.exec(
        select(Article, Branch).join(Branch, col(Branch.id) == Article.branch_id).where(col(Article.id) == article_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFoundError
    article, branch = row
    authorise(actor, branch.path, permission)
    return article


async def load_translations(
    session: AsyncSession, article_ids: Sequence[UUID]
) -> dict[UUID, dict[Language, ArticleTranslation]]:
    """The texts of articles by article and language."""
    found = await session.exec(
        select(ArticleTranslation)
        .where(col(ArticleTranslation.article_id).in_(article_ids))
        .order_by(language_order(Language.kk))
        .execution_options(populate_existing=True)
    )
    texts: dict[UUID, dict[Language, ArticleTranslation]] = {article_id: {} for article_id in article_ids}
    for text in found:
        texts[text.article_id][text.language] = text
    return texts


def language_order(first: Language) -> sa.ColumnElement[int]:
    """`first`, then kk, ru, en: the order in which a missing text falls back."""
    order = {language: place for place, language in enumerate(dict.fromkeys((first.value, *LANGUAGES)))}
    return sa.case(order, value=col(ArticleTranslation.language))


async def list_articles(
    session: AsyncSession,
    actor: Actor,
    *,
    branch_id: UUID | None,
    state: ArticleState | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Article]:
    """The articles of the actor's branches, the newest written first, before `before`; one more than `limit`."""
    paths = visible_branches(actor, Permission.news_read)
    branches = select(Branch.id).where(in_subtrees(paths))
    found = select(Article).where(col(Article.branch_id).in_(branches)).order_by(col(Article.id).desc())
    if branch_id is not None:
        found = found.where(col(Article.branch_id) == branch_id)
    if state is not None:
        found = found.where(col(Article.state) == state)
    if before is not None:
        found = found.where(col(Article.id) < before)
    return (await session.exec(found.limit(limit + 1))).all()


async def read_article(session: AsyncSession, actor: Actor, article_id: UUID, *, language: Language) -> ReadableArticle:
    """A published article of the actor's own branches, in `language`, else in kk, ru or en.

    Raises:
        NotFoundError: no such article, not published, or of a branch the actor does not belong to.
    """
    found = await session.exec(
        select(Article, ArticleTranslation, Branch)
        .join(ArticleTranslation, col(ArticleTranslation.article_id) == Article.id)
        .join(Branch, col(Branch.id) == Article.branch_id)
        .where(
            col(Article.id) == article_id,
            col(Article.state) == ArticleState.published,
            col(Article.branch_id).in_(actor.branch_chain),
        )
        .order_by(language_order(language))
        .limit(1)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFoundError
    return ReadableArticle(*row)


async def read_cover(session: AsyncSession, actor: Actor, upload_id: UUID) -> Upload:
    """The picture of an article that the actor may read, as a member or as staff.

    Raises:
        NotFoundError: no such picture, or of no article of the actor's.
    """
    found = await session.exec(
        select(Article, Branch)
        .join(Branch, col(Branch.id) == Article.branch_id)
        .where(col(Article.cover_upload_id) == upload_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFoundError
    article, branch = row
    if article.state is not ArticleState.published or article.branch_id not in actor.branch_chain:
        authorise(actor, branch.path, Permission.news_read)
    return await read_upload(session, upload_id)
