"""Petitions with their steps, files and numbers, and the first categories.

Deploy order: migrate before the new code starts. Rows touched: none. Locks taken: none that matter. Way back: drop the
five tables while nobody has filed anything; later there is none.
Steps are only ever inserted: the grants are the guarantee.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: Final = "0011"
down_revision: Final = "0010"

GRANTS: Final = """
GRANT SELECT, INSERT, UPDATE ON petition, petition_category, petition_counter TO unqatu_app;
GRANT SELECT, INSERT ON petition_event, petition_attachment TO unqatu_app;
GRANT SELECT ON petition, petition_attachment, petition_category, petition_event TO unqatu_worker
"""

CATEGORIES: Final = """
INSERT INTO petition_category (code, name, position, confidential, version)
SELECT code, jsonb_build_object('kk', kk, 'ru', ru, 'en', en), position, code = 'corruption', 1
  FROM (VALUES
           (1, 'housing', 'Тұрғын үй', 'Жильё', 'Housing'),
           (2, 'large_families', 'Көпбалалыларға жәрдемақы', 'Пособия многодетным', 'Benefits for large families'),
           (3, 'jobs', 'Жұмыспен қамту', 'Занятость', 'Jobs'),
           (4, 'corruption', 'Сыбайлас жемқорлық', 'Коррупция', 'Corruption'),
           (5, 'roads', 'Жолдар', 'Дороги', 'Roads'),
           (6, 'utilities', 'Коммуналдық қызмет', 'Коммунальные услуги', 'Utilities'),
           (7, 'health', 'Денсаулық сақтау', 'Здравоохранение', 'Health'),
           (8, 'education', 'Білім беру', 'Образование', 'Education'),
           (9, 'ecology', 'Экология', 'Экология', 'Ecology'),
           (10, 'other', 'Басқа', 'Другое', 'Other')
       ) AS first (position, code, kk, ru, en)
"""

IS_OPEN: Final = (
    "state IN ('received', 'registered', 'assigned', 'in_progress', 'awaiting_applicant', 'forwarded', "
    "'reopen_requested')"
)


def upgrade() -> None:
    op.create_table(
        "petition_category",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("name", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["petition_category.code"], name=op.f("petition_category_parent_code_fkey")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("petition_category_pkey")),
    )
    op.create_index(op.f("petition_category_parent_code_idx"), "petition_category", ["parent_code"], unique=False)
    op.create_table(
        "petition_counter",
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "series",
            sa.Enum(
                "general", "confidential", name="petitionseries", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("region_code", "year", "series", name=op.f("petition_counter_pkey")),
    )
    op.create_table(
        "petition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column(
            "series",
            sa.Enum(
                "general", "confidential", name="petitionseries", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "application",
                "complaint",
                "proposal",
                "wish",
                "notice",
                "information_request",
                "response",
                name="petitionkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("category_code", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "registered",
                "assigned",
                "in_progress",
                "awaiting_applicant",
                "forwarded",
                "decided",
                "closed",
                "reopen_requested",
                "rejected",
                "duplicate",
                "withdrawn",
                name="petitionstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "outcome",
            sa.Enum(
                "satisfied",
                "partly_satisfied",
                "explained",
                "refused",
                "redirected",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column(
            "rejection_code",
            sa.Enum(
                "not_for_us",
                "unclear",
                "abusive",
                "answered_before",
                name="rejectioncode",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("duplicate_of_id", sa.Uuid(), nullable=True),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=True),
        sa.Column("applicant_account_id", sa.Uuid(), nullable=True),
        sa.Column("assignee_account_id", sa.Uuid(), nullable=True),
        sa.Column(
            "channel",
            sa.Enum(
                "app",
                "office",
                "phone",
                "letter",
                "social",
                name="petitionchannel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "language",
            sa.Enum("kk", "ru", "en", name="language", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("text_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("subject_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("place_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("contact_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("encryption_key_id", sa.Text(), nullable=False),
        sa.Column("tracking_code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("paused_on", sa.Date(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state = 'awaiting_applicant') = (paused_on IS NOT NULL)", name=op.f("petition_paused_check")
        ),
        sa.CheckConstraint(
            "(state = 'duplicate') = (duplicate_of_id IS NOT NULL)", name=op.f("petition_duplicate_check")
        ),
        sa.CheckConstraint("(state = 'rejected') = (rejection_code IS NOT NULL)", name=op.f("petition_rejected_check")),
        sa.CheckConstraint("confidential = (series = 'confidential')", name=op.f("petition_confidential_check")),
        sa.CheckConstraint("state <> 'decided' OR outcome IS NOT NULL", name=op.f("petition_decided_check")),
        sa.CheckConstraint("duplicate_of_id <> id", name=op.f("petition_duplicate_of_itself_check")),
        sa.ForeignKeyConstraint(
            ["applicant_account_id"], ["account.id"], name=op.f("petition_applicant_account_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["assignee_account_id"], ["account.id"], name=op.f("petition_assignee_account_id_fkey")
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("petition_branch_id_fkey")),
        sa.ForeignKeyConstraint(
            ["category_code"], ["petition_category.code"], name=op.f("petition_category_code_fkey")
        ),
        sa.ForeignKeyConstraint(["duplicate_of_id"], ["petition.id"], name=op.f("petition_duplicate_of_id_fkey")),
        sa.ForeignKeyConstraint(["settlement_id"], ["settlement.id"], name=op.f("petition_settlement_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("petition_pkey")),
        sa.UniqueConstraint("number", name=op.f("petition_number_key")),
        sa.UniqueConstraint(
            "region_code", "year", "series", "sequence", name=op.f("petition_region_code_year_series_sequence_key")
        ),
        sa.UniqueConstraint("tracking_code_hash", name=op.f("petition_tracking_code_hash_key")),
    )
    op.create_index(
        "petition_applicant_received_idx", "petition", ["applicant_account_id", "received_at", "id"], unique=False
    )
    op.create_index(
        "petition_assignee_queue_idx",
        "petition",
        ["assignee_account_id", "due_on", "id"],
        unique=False,
        postgresql_where=sa.text(IS_OPEN),
    )
    op.create_index("petition_branch_received_idx", "petition", ["branch_id", "received_at", "id"], unique=False)
    op.create_index(
        "petition_queue_idx",
        "petition",
        ["branch_id", "due_on", "id"],
        unique=False,
        postgresql_where=sa.text(IS_OPEN),
    )
    op.create_table(
        "petition_attachment",
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("petition_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["petition_id"], ["petition.id"], name=op.f("petition_attachment_petition_id_fkey")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("petition_attachment_upload_id_fkey")),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("petition_attachment_pkey")),
    )
    op.create_index(op.f("petition_attachment_petition_id_idx"), "petition_attachment", ["petition_id"], unique=False)
    op.create_table(
        "petition_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("petition_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column(
            "action",
            sa.Enum(
                "file",
                "register",
                "reject",
                "assign",
                "start",
                "ask",
                "reply",
                "message",
                "forward",
                "record_outside_answer",
                "propose",
                "hand_back",
                "extend",
                "transfer",
                "decide",
                "close",
                "request_reopening",
                "accept_reopening",
                "refuse_reopening",
                "mark_duplicate",
                "withdraw",
                "note",
                name="petitionaction",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "registered",
                "assigned",
                "in_progress",
                "awaiting_applicant",
                "forwarded",
                "decided",
                "closed",
                "reopen_requested",
                "rejected",
                "duplicate",
                "withdrawn",
                name="petitionstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("service_token_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_text_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("internal_note_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("encryption_key_id", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "encryption_key_id IS NOT NULL OR num_nonnulls(public_text_encrypted, internal_note_encrypted) = 0",
            name=op.f("petition_event_key_check"),
        ),
        sa.CheckConstraint("num_nonnulls(account_id, service_token_id) <= 1", name=op.f("petition_event_actor_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("petition_event_account_id_fkey")),
        sa.ForeignKeyConstraint(["petition_id"], ["petition.id"], name=op.f("petition_event_petition_id_fkey")),
        sa.ForeignKeyConstraint(
            ["service_token_id"], ["service_token.id"], name=op.f("petition_event_service_token_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("petition_event_pkey")),
        sa.UniqueConstraint("petition_id", "seq", name=op.f("petition_event_petition_id_seq_key")),
    )
    op.execute(CATEGORIES)
    for statement in GRANTS.strip().split(";\n"):
        op.execute(statement)
