"""News: articles and their translations.

Deploy order: migrate before the new code starts. Rows touched: none. Locks taken: none that matter (a foreign key to
branch). Way back: drop the two tables.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"

GRANTS: Final = """
GRANT SELECT, INSERT, UPDATE ON article TO unqatu_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON article_translation TO unqatu_app;
GRANT SELECT, UPDATE ON article TO unqatu_worker
"""


def upgrade() -> None:
    op.create_table(
        "article",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "scheduled",
                "published",
                "withdrawn",
                name="articlestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("notify", sa.Boolean(), nullable=False),
        sa.Column("cover_upload_id", sa.Uuid(), nullable=True),
        sa.Column("publish_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'withdrawn') = (withdrawn_reason IS NOT NULL)", name=op.f("article_withdrawn_check")
        ),
        sa.CheckConstraint("state <> 'published' OR published_at IS NOT NULL", name=op.f("article_published_check")),
        sa.CheckConstraint("state <> 'scheduled' OR publish_at IS NOT NULL", name=op.f("article_scheduled_check")),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("article_branch_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("article_pkey")),
    )
    op.create_index("article_branch_id_id_idx", "article", ["branch_id", "id"], unique=False)
    op.create_index(
        "article_due_idx", "article", ["publish_at"], unique=False, postgresql_where=sa.text("state = 'scheduled'")
    )
    op.create_index(
        "article_feed_idx",
        "article",
        ["branch_id", "published_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'published'"),
        postgresql_include=["cover_upload_id"],
    )
    op.create_index(
        "article_pinned_idx",
        "article",
        ["branch_id", "published_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'published' AND pinned"),
        postgresql_include=["cover_upload_id"],
    )
    op.create_table(
        "article_translation",
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column(
            "language",
            sa.Enum("kk", "ru", "en", name="language", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("body_markdown", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("article_translation_article_id_fkey")),
        sa.PrimaryKeyConstraint("article_id", "language", name=op.f("article_translation_pkey")),
    )
    for statement in GRANTS.strip().split(";\n"):
        op.execute(statement)
