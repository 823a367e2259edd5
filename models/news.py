"""News articles and their texts."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field, SQLModel

from models.base import Language, enum_field, id_field


class ArticleState(StrEnum):
    """draft → scheduled → published → withdrawn; withdrawn ends it."""

    draft = "draft"
    scheduled = "scheduled"
    published = "published"
    withdrawn = "withdrawn"


IS_PUBLISHED = sa.text("state = 'published'")
IS_PINNED = sa.text("state = 'published' AND pinned")


class Article(SQLModel, table=True):
    """News of a branch, for the members of its whole subtree.

    The feed reads its two indexes alone and never this table: they carry all that it shows of an article.
    """

    __table_args__ = (
        sa.CheckConstraint("state <> 'scheduled' OR publish_at IS NOT NULL", name="scheduled"),
        sa.CheckConstraint("state <> 'published' OR published_at IS NOT NULL", name="published"),
        sa.CheckConstraint("(state = 'withdrawn') = (withdrawn_reason IS NOT NULL)", name="withdrawn"),
        sa.Index(
            "article_feed_idx",
            "branch_id",
            "published_at",
            "id",
            postgresql_where=IS_PUBLISHED,
            postgresql_include=["cover_upload_id"],
        ),
        sa.Index(
            "article_pinned_idx",
            "branch_id",
            "published_at",
            "id",
            postgresql_where=IS_PINNED,
            postgresql_include=["cover_upload_id"],
        ),
        sa.Index("article_branch_id_id_idx", "branch_id", "id"),
        sa.Index(
            "article_cover_key",
            "cover_upload_id",
            unique=True,
            postgresql_where=sa.text("cover_upload_id IS NOT NULL"),
        ),
        sa.Index("article_due_idx", "publish_at", postgresql_where=sa.text("state = 'scheduled'")),
    )

    id: UUID = id_field()
    branch_id: UUID = Field(foreign_key="branch.id")
    state: ArticleState = enum_field(ArticleState, default=ArticleState.draft)
    pinned: bool = False
    notify: bool = Field(default=False, description="Whether publishing announces it by push.")
    cover_upload_id: UUID | None = Field(default=None, foreign_key="upload.id")
    publish_at: datetime | None = Field(default=None, description="When a scheduled article is due.")
    published_at: datetime | None = None
    withdrawn_reason: str | None = Field(default=None, description="For the branch's own staff.")
    version: int = 1
    created_at: datetime
    updated_at: datetime


class ArticleTranslation(SQLModel, table=True):
    """An article in one language. `body_html` is made from `body_markdown` when it is written, and is safe to show."""

    __tablename__ = "article_translation"

    article_id: UUID = Field(foreign_key="article.id", primary_key=True)
    language: Language = enum_field(Language, primary_key=True)
    title: str
    summary: str
    body_markdown: str
    body_html: str


class ArticleSearch(SQLModel, table=True):
    """What search knows of a translation; a trigger on `article_translation` writes it, however that was filled."""

    __tablename__ = "article_search"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["article_id", "language"],
            ["article_translation.article_id", "article_translation.language"],
            ondelete="CASCADE",
        ),
        sa.Index("article_search_words_idx", "words", postgresql_using="gin"),
        sa.Index(
            "article_search_title_letters_idx",
            "title_letters",
            postgresql_using="gin",
            postgresql_ops={"title_letters": "gin_trgm_ops"},
        ),
    )

    article_id: UUID = Field(primary_key=True)
    language: Language = enum_field(Language, primary_key=True)
    title_letters: str = Field(description="For misspelt words: the title as pg_trgm takes it.")
    words: str = Field(sa_type=TSVECTOR, description="Stems of all words, and the branch's id as a lexeme.")
