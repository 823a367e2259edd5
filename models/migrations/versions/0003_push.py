"""Devices, push campaigns with their batches and retries, and what was read in the inbox.

Deploy order: migrate before the new code starts. Rows touched: none. Locks taken: none that matter. Way back: drop the
five tables; phones register again at their next start.
The worker sends, so it may retire a device and purge it, but not move it; only the API deletes one at sign-out.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"

GRANTS: Final = """
GRANT SELECT, INSERT, UPDATE, DELETE ON device TO unqatu_app;
GRANT SELECT, INSERT, UPDATE ON push_campaign TO unqatu_app, unqatu_worker;
GRANT SELECT, INSERT ON inbox_read TO unqatu_app;
GRANT SELECT, DELETE, UPDATE (retired_at, retired_reason) ON device TO unqatu_worker;
GRANT SELECT, INSERT, UPDATE ON push_batch TO unqatu_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON push_retry TO unqatu_worker;
GRANT SELECT, DELETE ON inbox_read TO unqatu_worker
"""


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("installation_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column(
            "address_kind",
            sa.Enum("token", "fid", name="addresskind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "platform",
            sa.Enum("android", "ios", name="platform", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "language",
            sa.Enum("kk", "ru", "en", name="language", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("app_version", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("device_account_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("device_pkey")),
        sa.UniqueConstraint("address", name=op.f("device_address_key")),
        sa.UniqueConstraint("installation_id", name=op.f("device_installation_id_key")),
    )
    op.create_index(op.f("device_account_id_idx"), "device", ["account_id"], unique=False)
    op.create_table(
        "push_campaign",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(
                "poll_opened",
                "poll_reminder",
                "petition_step",
                "news_published",
                "reception_reminder",
                "admin_message",
                name="cause",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("cause_id", sa.Uuid(), nullable=False),
        sa.Column(
            "category",
            sa.Enum(
                "news",
                "polls",
                "petitions",
                "receptions",
                "messages",
                name="category",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "link_kind",
            sa.Enum(
                "news",
                "poll",
                "petition",
                "reception",
                "message",
                name="linkkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "sending",
                "paused",
                "done",
                "cancelled",
                name="campaignstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'paused') = (pause_reason IS NOT NULL)", name=op.f("push_campaign_pause_reason_check")
        ),
        sa.CheckConstraint("num_nonnulls(branch_id, account_id) = 1", name=op.f("push_campaign_audience_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("push_campaign_account_id_fkey")),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("push_campaign_branch_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("push_campaign_pkey")),
        sa.UniqueConstraint("cause", "cause_id", name=op.f("push_campaign_cause_cause_id_key")),
    )
    op.create_index("push_campaign_account_idx", "push_campaign", ["account_id", "created_at", "id"], unique=False)
    op.create_index("push_campaign_branch_idx", "push_campaign", ["branch_id", "created_at", "id"], unique=False)
    op.create_index(
        "push_campaign_unfinished_idx",
        "push_campaign",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state IN ('sending', 'paused')"),
    )
    op.create_table(
        "inbox_read",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("inbox_read_account_id_fkey")),
        sa.ForeignKeyConstraint(["campaign_id"], ["push_campaign.id"], name=op.f("inbox_read_campaign_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "campaign_id", name=op.f("inbox_read_pkey")),
    )
    op.create_index(op.f("inbox_read_campaign_id_idx"), "inbox_read", ["campaign_id"], unique=False)
    op.create_table(
        "push_batch",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("first_device_id", sa.Uuid(), nullable=False),
        sa.Column("last_device_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "waiting", "sending", "done", name="batchstate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("targeted_count", sa.Integer(), nullable=False),
        sa.Column("accepted_count", sa.Integer(), nullable=False),
        sa.Column("retired_count", sa.Integer(), nullable=False),
        sa.Column("failed_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["push_campaign.id"], name=op.f("push_batch_campaign_id_fkey")),
        sa.PrimaryKeyConstraint("campaign_id", "seq", name=op.f("push_batch_pkey")),
    )
    op.create_table(
        "push_retry",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id", "seq"],
            ["push_batch.campaign_id", "push_batch.seq"],
            name=op.f("push_retry_campaign_id_seq_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name=op.f("push_retry_device_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", "device_id", name=op.f("push_retry_pkey")),
    )
    op.create_index(op.f("push_retry_device_id_idx"), "push_retry", ["device_id"], unique=False)
    op.create_index("push_retry_due_at_idx", "push_retry", ["due_at"], unique=False)
    for statement in GRANTS.strip().split(";\n"):
        op.execute(statement)
