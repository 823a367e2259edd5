"""The cover of an article is an upload.

Deploy order: migrate before the new code starts. Rows touched: none. Locks taken: article and upload for a moment, to
add the constraint unchecked. Way back: drop the constraint and the index. It can be run again when it stopped half-way.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0009"
down_revision: Final = "0008"

DROP: Final = "ALTER TABLE article DROP CONSTRAINT IF EXISTS article_cover_upload_id_fkey"


def upgrade() -> None:
    # What is dropped is only what an earlier run of this left behind.
    op.execute("-- squawk-ignore ban-drop-constraint\n" + DROP)
    op.create_foreign_key(
        op.f("article_cover_upload_id_fkey"),
        "article",
        "upload",
        ["cover_upload_id"],
        ["id"],
        postgresql_not_valid=True,
    )
    # What is before and after this block is a transaction each, so that no lock outlasts its statement.
    with op.get_context().autocommit_block():
        op.create_index(
            "article_cover_key",
            "article",
            ["cover_upload_id"],
            unique=True,
            postgresql_where=sa.text("cover_upload_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    op.execute("ALTER TABLE article VALIDATE CONSTRAINT article_cover_upload_id_fkey")
