"""Polls, participation and named responses.

Deploy order: migrate before the new code starts. Rows touched: none. Locks taken: none that matter. Way back: drop the
three tables, which loses the responses.
Responses are only ever inserted; the worker opens and closes polls at their time.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: Final = "0007"
down_revision: Final = "0006"

GRANTS: Final = """
GRANT SELECT, INSERT, UPDATE ON poll TO unqatu_app;
GRANT SELECT, INSERT ON participation, poll_response TO unqatu_app;
GRANT SELECT, UPDATE ON poll TO unqatu_worker;
GRANT SELECT ON participation, poll_response TO unqatu_worker
"""


def upgrade() -> None:
    op.create_table(
        "poll",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("named", "secret", name="pollkind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "scheduled",
                "open",
                "closed",
                "results_published",
                "cancelled",
                name="pollstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("title", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("description", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("questions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "results_visibility",
            sa.Enum(
                "after_response",
                "after_close",
                "admins_only",
                name="resultsvisibility",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("results_published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("duplicate_of_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state = 'cancelled') = (cancel_reason IS NOT NULL)", name=op.f("poll_cancel_reason_check")
        ),
        sa.CheckConstraint("state IN ('draft', 'cancelled') OR opens_at IS NOT NULL", name=op.f("poll_opening_check")),
        sa.CheckConstraint("closes_at > opens_at", name=op.f("poll_period_check")),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("poll_branch_id_fkey")),
        sa.ForeignKeyConstraint(["duplicate_of_id"], ["poll.id"], name=op.f("poll_duplicate_of_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("poll_pkey")),
    )
    op.create_index("poll_branch_id_id_idx", "poll", ["branch_id", "id"], unique=False)
    op.create_index(
        "poll_open_idx",
        "poll",
        ["branch_id", "opens_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "participation",
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("participation_member_id_fkey")),
        sa.ForeignKeyConstraint(["poll_id"], ["poll.id"], name=op.f("participation_poll_id_fkey")),
        sa.PrimaryKeyConstraint("poll_id", "member_id", name=op.f("participation_pkey")),
    )
    op.create_table(
        "poll_response",
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("responded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["poll_id", "member_id"],
            ["participation.poll_id", "participation.member_id"],
            name=op.f("poll_response_poll_id_member_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("poll_id", "member_id", name=op.f("poll_response_pkey")),
    )
    for statement in GRANTS.strip().split(";\n"):
        op.execute(statement)
