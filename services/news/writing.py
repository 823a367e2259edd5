"""The life of an article: draft → scheduled → published → withdrawn. Each step is one UPDATE that checks the state, so
that of two workers, or a worker and an editor, one wins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language
from models.news import Article, ArticleState, ArticleTranslation
from models.push import Cause, LinkKind
from services import audit, uploads
from services.actors import Actor
from services.branches import access_branch
from services.changes import Topic, announce_change
from services.errors import ConflictError, InvalidError, StaleVersionError
from services.jobs import defer
from services.news.markdown import render_markdown
from services.news.reading import access_article
from services.permissions import Permission
from services.push.campaigns import announce, withdraw_announcement

PUBLISH_DUE: Final = "news.publish_due"
UNPUBLISHED: Final = (ArticleState.draft, ArticleState.scheduled)


class ArticleStateError(ConflictError):
    """The article's state does not allow this; `state` in the data says which it is."""

    code = "article_state"


class PublishTimePastError(InvalidError):
    """An article is scheduled for a moment to come."""

    code = "publish_time_past"


class TranslationMissingError(InvalidError):
    """An article has a text in at least one language."""

    code = "translation_missing"


@dataclass(frozen=True, slots=True)
class ArticleText:
    """An article in one language, as editors write it."""

    title: str
    summary: str
    body_markdown: str


@dataclass(frozen=True, slots=True)
class ArticleChange:
    """What an edit changes; None leaves a thing as it is. `texts` replaces all translations; the cover becomes
    `cover_upload_id`, be it none, if `changes_cover`."""

    texts: Mapping[Language, ArticleText] | None = None
    pinned: bool | None = None
    notify: bool | None = None
    changes_cover: bool = False
    cover_upload_id: UUID | None = None

    def columns(self) -> dict[str, Any]:
        """The columns of the article itself."""
        chosen = {"pinned": self.pinned, "notify": self.notify}
        return {name: value for name, value in chosen.items() if value is not None}


def record(
    session: AsyncSession, actor: Actor, verb: str, article: Article, now: datetime, **detail: str | int
) -> None:
    """One audit row about an article."""
    audit.record(
        session,
        actor,
        f"news:{verb}",
        object_kind="article",
        object_id=article.id,
        branch_id=article.branch_id,
        now=now,
        **detail,
    )


def add_texts(session: AsyncSession, article_id: UUID, texts: Mapping[Language, ArticleText]) -> None:
    """Store translations with the HTML made from them.

    Raises:
        TranslationMissingError: there are none.
    """
    if not texts:
        raise TranslationMissingError
    for language, text in texts.items():
        session.add(
            ArticleTranslation(
                article_id=article_id,
                language=language,
                title=text.title,
                summary=text.summary,
                body_markdown=text.body_markdown,
                body_html=render_markdown(text.body_markdown),
            )
        )


async def create_article(
    session: AsyncSession,
    actor: Actor,
    *,
    branch_id: UUID,
    texts: Mapping[Language, ArticleText],
    pinned: bool,
    notify: bool,
    cover_upload_id: UUID | None = None,
    now: datetime,
) -> Article:
    """Write a draft for a branch and all below it. The cover is a picture that the actor sent.

    Raises:
        NotFoundError: the branch is outside the actor's.
        UploadNotUsableError, NotAnImageError: as `uploads.attach_image`.
        TranslationMissingError: it has no text in any language.
    """
    branch = await access_branch(session, actor, branch_id, Permission.news_write)
    if cover_upload_id is not None:
        await uploads.attach_image(session, actor, cover_upload_id, now=now)
    article = Article(
        branch_id=branch.id,
        pinned=pinned,
        notify=notify,
        cover_upload_id=cover_upload_id,
        created_at=now,
        updated_at=now,
    )
    session.add(article)
    await session.flush()
    add_texts(session, article.id, texts)
    record(session, actor, "create", article, now)
    await session.flush()
    return article


async def edit_article(
    session: AsyncSession, actor: Actor, article_id: UUID, change: ArticleChange, *, version: int, now: datetime
) -> Article:
    """Change an article. What members see, or will see by itself, is corrected by those who may publish.

    Raises:
        ArticleStateError: it was withdrawn.
        StaleVersionError: somebody changed it since `version`.
        UploadNotUsableError, NotAnImageError: as `uploads.attach_image`.
    """
    article = await access_article(session, actor, article_id, Permission.news_write)
    if article.state in (ArticleState.scheduled, ArticleState.published):
        await access_article(session, actor, article_id, Permission.news_publish)
    if article.state is ArticleState.withdrawn:
        raise ArticleStateError(state=article.state)
    # The state stands in the condition through the version: every step of an article's life raises it.
    if not await update(session, article, col(Article.version) == version, now=now, **change.columns()):
        raise StaleVersionError(version=article.version)
    if change.changes_cover and change.cover_upload_id != article.cover_upload_id:
        await replace_cover(session, actor, article, change.cover_upload_id, now=now)
    if change.texts is not None:
        await session.exec(sa.delete(ArticleTranslation).where(col(ArticleTranslation.article_id) == article.id))
        add_texts(session, article.id, change.texts)
        await session.flush()
    if article.state is ArticleState.published:
        await announce_change(session, Topic.news, article.branch_id)
    record(session, actor, "edit", article, now, version=article.version)
    return article


async def replace_cover(
    session: AsyncSession, actor: Actor, article: Article, upload_id: UUID | None, *, now: datetime
) -> None:
    """Take a picture into use and give up the one before."""
    if upload_id is not None:
        await uploads.attach_image(session, actor, upload_id, now=now)
    before, article.cover_upload_id = article.cover_upload_id, upload_id
    session.add(article)
    await session.flush()
    if before is not None:
        await uploads.release_upload(session, before)


async def update(
    session: AsyncSession, article: Article, condition: sa.ColumnElement[bool], *, now: datetime, **values: Any
) -> bool:
    """Change an article in one statement if it still fulfils `condition`; whether it did."""
    changed = await session.exec(
        sa.update(Article)
        .where(col(Article.id) == article.id, condition)
        .values(version=Article.version + 1, updated_at=now, **values)
        .returning(col(Article.id))
    )
    done = changed.one_or_none() is not None
    await session.refresh(article)
    return done


async def schedule_article(
    session: AsyncSession, actor: Actor, article_id: UUID, *, publish_at: datetime, now: datetime
) -> Article:
    """Publish an article at `publish_at`; scheduling it again moves it.

    Raises:
        PublishTimePastError: the moment is not after `now`.
        ArticleStateError: it was published or withdrawn.
    """
    article = await access_article(session, actor, article_id, Permission.news_publish)
    if publish_at <= now:
        raise PublishTimePastError
    waiting = col(Article.state).in_(UNPUBLISHED)
    if not await update(session, article, waiting, now=now, state=ArticleState.scheduled, publish_at=publish_at):
        raise ArticleStateError(state=article.state)
    await defer(session, PUBLISH_DUE, at=publish_at, article_id=str(article.id), publish_at=publish_at.isoformat())
    record(session, actor, "schedule", article, now, publish_at=publish_at.isoformat())
    return article


async def publish_article(session: AsyncSession, actor: Actor, article_id: UUID, *, now: datetime) -> Article:
    """Show a draft or a scheduled article to the members now.

    Raises:
        ArticleStateError: it was published or withdrawn.
    """
    article = await access_article(session, actor, article_id, Permission.news_publish)
    if not await publish(session, article, col(Article.state).in_(UNPUBLISHED), now=now):
        raise ArticleStateError(state=article.state)
    record(session, actor, "publish", article, now)
    return article


async def publish_due(session: AsyncSession, article_id: UUID, *, publish_at: datetime, now: datetime) -> bool:
    """Publish an article that was scheduled for `publish_at`, unless it was moved, published or withdrawn meanwhile.

    The moments are compared with each other, not with the clock: a worker whose clock is late must not drop it.
    """
    article = await session.get(Article, article_id)
    still_due = sa.and_(col(Article.state) == ArticleState.scheduled, col(Article.publish_at) == publish_at)
    return article is not None and await publish(session, article, still_due, now=now)


async def publish(session: AsyncSession, article: Article, condition: sa.ColumnElement[bool], *, now: datetime) -> bool:
    """The step itself, with all that hangs on it."""
    if not await update(session, article, condition, now=now, state=ArticleState.published, published_at=now):
        return False
    await announce_change(session, Topic.news, article.branch_id)
    if article.notify:
        await announce(
            session,
            cause=Cause.news_published,
            cause_id=article.id,
            link_kind=LinkKind.news,
            link_id=article.id,
            branch_id=article.branch_id,
            now=now,
        )
    return True


async def withdraw_article(
    session: AsyncSession, actor: Actor, article_id: UUID, *, reason: str, now: datetime
) -> Article:
    """Take a published article from the members, or a scheduled one from the plan. It ends the article.

    Raises:
        ArticleStateError: it is a draft, or was withdrawn.
    """
    article = await access_article(session, actor, article_id, Permission.news_publish)
    shown = col(Article.state).in_((ArticleState.scheduled, ArticleState.published))
    if not await update(session, article, shown, now=now, state=ArticleState.withdrawn, withdrawn_reason=reason):
        raise ArticleStateError(state=article.state)
    await announce_change(session, Topic.news, article.branch_id)
    await withdraw_announcement(session, cause=Cause.news_published, cause_id=article.id, now=now)
    record(session, actor, "withdraw", article, now)
    return article
