"""News, for the branches that publish it."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from pydantic import AfterValidator, BeforeValidator, StringConstraints
from sqlmodel.ext.asyncio.session import AsyncSession

from api.deps import CurrentAdmin, CurrentKeys, ExpectedVersion, Now, Session
from api.openapi import admin_operation
from api.types import (
    Body,
    Flag,
    In,
    Line,
    Moment,
    Out,
    Page,
    PageParams,
    Paragraph,
    clean_text,
    decode_cursor,
    encode_cursor,
    not_blank,
)
from models.base import Language
from models.news import Article, ArticleState, ArticleTranslation
from services import uploads
from services.news import reading, writing
from services.permissions import Permission

router = APIRouter(prefix="/v1/admin/news", tags=["admin"])
REFUSED_CONTENT: Final = (writing.TranslationMissingError, uploads.UploadNotUsableError, uploads.NotAnImageError)

Summary = Annotated[
    str, BeforeValidator(clean_text), StringConstraints(min_length=1, max_length=500), AfterValidator(not_blank)
]
"""What the feed shows below the title."""


class ArticleTextIn(In):
    """An article in one language; `body_markdown` is CommonMark, without HTML and images."""

    title: Line
    summary: Summary
    body_markdown: Body


class TranslationsIn(In):
    """One language at least; readers of another get kk, else ru, else en."""

    kk: ArticleTextIn | None = None
    ru: ArticleTextIn | None = None
    en: ArticleTextIn | None = None

    def texts(self) -> dict[Language, writing.ArticleText]:
        """As services take them."""
        written = {language: getattr(self, language) for language in Language}
        return {language: writing.ArticleText(**text.model_dump()) for language, text in written.items() if text}


class ArticleIn(In):
    """A draft for `branch_id` and all below it; `notify` announces it by push when it is published. The cover is a
    picture that the caller sent to /v1/uploads, so a service token gives none."""

    branch_id: UUID
    translations: TranslationsIn
    pinned: Flag = False
    notify: Flag = False
    cover_upload_id: UUID | None = None


class ArticleEdit(In):
    """What changes; `translations` replaces all of them, a null `cover_upload_id` takes the cover away."""

    translations: TranslationsIn | None = None
    pinned: Flag | None = None
    notify: Flag | None = None
    cover_upload_id: UUID | None = None

    def change(self) -> writing.ArticleChange:
        """As services take it."""
        return writing.ArticleChange(
            texts=self.translations.texts() if self.translations else None,
            pinned=self.pinned,
            notify=self.notify,
            changes_cover="cover_upload_id" in self.model_fields_set,
            cover_upload_id=self.cover_upload_id,
        )


class ScheduleIn(In):
    """When to publish."""

    publish_at: Moment


class WithdrawalIn(In):
    """Why it goes; for the branch's own staff."""

    reason: Paragraph


class ArticleTextOut(Out):
    """An article in one language."""

    title: str
    summary: str
    body_markdown: str
    body_html: str


class ArticleRow(Out):
    """An article in a list."""

    id: UUID
    branch_id: UUID
    state: ArticleState
    title: dict[Language, str]
    pinned: bool
    notify: bool
    publish_at: datetime | None
    published_at: datetime | None
    version: int


class ArticleAdminOut(Out):
    """An article with all its texts."""

    id: UUID
    branch_id: UUID
    state: ArticleState
    translations: dict[Language, ArticleTextOut]
    pinned: bool
    notify: bool
    publish_at: datetime | None
    published_at: datetime | None
    cover_upload_id: UUID | None
    withdrawn_reason: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class ArticleFilter(PageParams):
    """Only articles of one branch, or in one state."""

    branch_id: UUID | None = None
    state: ArticleState | None = None


async def read_out(session: AsyncSession, article: Article, response: Response) -> ArticleAdminOut:
    """The article with its texts, and its version as ETag."""
    texts = (await reading.load_translations(session, [article.id]))[article.id]
    response.headers["etag"] = f'"{article.version}"'
    return ArticleAdminOut.model_validate({**article.model_dump(), "translations": texts})


def row_out(article: Article, texts: dict[Language, ArticleTranslation]) -> ArticleRow:
    """The article with its titles."""
    titles = {language: text.title for language, text in texts.items()}
    return ArticleRow.model_validate({**article.model_dump(), "title": titles})


@router.get("", summary="List articles", **admin_operation(Permission.news_read))
async def list_branch_news(
    session: Session, actor: CurrentAdmin, keys: CurrentKeys, params: Annotated[ArticleFilter, Query()]
) -> Page[ArticleRow]:
    """The articles of the caller's branches in every state, the newest written first."""
    position = decode_cursor(keys.hash_key, "branch_news", params.cursor)
    found = await reading.list_articles(
        session,
        actor,
        branch_id=params.branch_id,
        state=params.state,
        before=UUID(position[0]) if position else None,
        limit=params.limit,
    )
    shown = found[: params.limit]
    texts = await reading.load_translations(session, [article.id for article in shown])
    items = [row_out(article, texts[article.id]) for article in shown]
    more = len(found) > params.limit
    cursor = encode_cursor(keys.hash_key, "branch_news", [str(items[-1].id)]) if more else None
    return Page(items=items, next_cursor=cursor)


@router.post(
    "",
    summary="Write an article",
    status_code=status.HTTP_201_CREATED,
    **admin_operation(Permission.news_write, *REFUSED_CONTENT),
)
async def create_article(
    body: ArticleIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> ArticleAdminOut:
    """Write a draft."""
    article = await writing.create_article(
        session,
        actor,
        branch_id=body.branch_id,
        texts=body.translations.texts(),
        pinned=body.pinned,
        notify=body.notify,
        cover_upload_id=body.cover_upload_id,
        now=now,
    )
    return await read_out(session, article, response)


@router.get("/{article_id}", summary="Read an article with its texts", **admin_operation(Permission.news_read))
async def get_article(article_id: UUID, session: Session, actor: CurrentAdmin, response: Response) -> ArticleAdminOut:
    """One article in any state."""
    article = await reading.access_article(session, actor, article_id, Permission.news_read)
    return await read_out(session, article, response)


@router.patch(
    "/{article_id}",
    summary="Edit an article",
    **admin_operation(Permission.news_write, writing.ArticleStateError, *REFUSED_CONTENT),
)
async def update_article(
    article_id: UUID,
    body: ArticleEdit,
    session: Session,
    actor: CurrentAdmin,
    version: ExpectedVersion,
    now: Now,
    response: Response,
) -> ArticleAdminOut:
    """Change an article; If-Match carries the ETag of the read. Correcting a scheduled or published one needs
    news:publish too."""
    article = await writing.edit_article(session, actor, article_id, body.change(), version=version, now=now)
    return await read_out(session, article, response)


@router.post(
    "/{article_id}/publish",
    summary="Publish an article",
    **admin_operation(Permission.news_publish, writing.ArticleStateError),
)
async def publish_article(
    article_id: UUID, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> ArticleAdminOut:
    """Show it to the members now."""
    return await read_out(session, await writing.publish_article(session, actor, article_id, now=now), response)


@router.post(
    "/{article_id}/schedule",
    summary="Schedule an article",
    **admin_operation(Permission.news_publish, writing.ArticleStateError, writing.PublishTimePastError),
)
async def schedule_article(
    article_id: UUID, body: ScheduleIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> ArticleAdminOut:
    """Publish it by itself at a moment to come; again, to move it."""
    article = await writing.schedule_article(session, actor, article_id, publish_at=body.publish_at, now=now)
    return await read_out(session, article, response)


@router.post(
    "/{article_id}/withdraw",
    summary="Withdraw an article",
    **admin_operation(Permission.news_publish, writing.ArticleStateError),
)
async def withdraw_article(
    article_id: UUID, body: WithdrawalIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> ArticleAdminOut:
    """Take it from the members, for good."""
    article = await writing.withdraw_article(session, actor, article_id, reason=body.reason, now=now)
    return await read_out(session, article, response)
