"""Files that people send, and the exceptions of the calendar.

Deploy order: migrate before the new code starts. Rows touched: none. Locks taken: none that matter. Way back: drop the
two tables and empty the file store.
The worker removes files that nothing uses; nobody else deletes.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"

GRANTS: Final = """
GRANT SELECT, INSERT, UPDATE ON upload, calendar_day TO unqatu_app;
GRANT SELECT, DELETE ON upload TO unqatu_worker;
GRANT SELECT ON calendar_day TO unqatu_worker
"""


def upgrade() -> None:
    op.create_table(
        "calendar_day",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("falls_on", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("calendar_day_pkey")),
        sa.UniqueConstraint("falls_on", name=op.f("calendar_day_falls_on_key")),
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(stored_at IS NULL) = (media_type IS NULL)", name=op.f("upload_stored_check")),
        sa.CheckConstraint("(stored_at IS NULL) = (size_bytes IS NULL)", name=op.f("upload_size_check")),
        sa.CheckConstraint("(width IS NULL) = (height IS NULL)", name=op.f("upload_dimensions_check")),
        sa.CheckConstraint("attached_at IS NULL OR stored_at IS NOT NULL", name=op.f("upload_attached_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("upload_account_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("upload_pkey")),
    )
    op.create_index(
        "upload_account_unattached_idx",
        "upload",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("attached_at IS NULL"),
    )
    op.create_index(
        "upload_unattached_idx", "upload", ["created_at"], unique=False, postgresql_where=sa.text("attached_at IS NULL")
    )
    for statement in GRANTS.strip().split(";\n"):
        op.execute(statement)
