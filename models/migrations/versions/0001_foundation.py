"""The ground: branches, accounts, members, roles, audit, and the database roles of the processes.

Deploy order: the first one, before anything runs. Rows touched: none. Locks taken: none. Way back: drop the database.
The user that migrates must own the database and may create roles (or the three roles exist and are granted to it).
"""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.migrations.types import Raw

revision: Final = "0001"
down_revision: Final = None


ROLES: Final = """
DO $$
DECLARE
    process text;
BEGIN
    FOREACH process IN ARRAY ARRAY['unqatu_app', 'unqatu_worker', 'unqatu_counter'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = process) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', process);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- roles belong to the whole server: another database's migration was faster
            END;
        END IF;
        IF NOT pg_has_role(current_user, process, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH SET TRUE, INHERIT FALSE', process);
        END IF;
    END LOOP;
END $$
"""

GRANTS: Final = """
GRANT SELECT, INSERT, UPDATE ON
    account, auth_session, branch, member, membership, role, service_token, settlement, sign_in_challenge
    TO unqatu_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_token, stored_answer TO unqatu_app;
GRANT SELECT, INSERT ON audit_event TO unqatu_app;
GRANT SELECT ON
    account, auth_session, branch, member, membership, role, service_token, settlement
    TO unqatu_worker;
GRANT SELECT, UPDATE, DELETE ON sign_in_challenge, refresh_token TO unqatu_worker;
GRANT SELECT, DELETE ON stored_answer TO unqatu_worker;
GRANT SELECT, INSERT ON audit_event, audit_link, audit_head TO unqatu_worker
"""


GUARD: Final = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS ltree")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute(ROLES)
    op.execute("GRANT USAGE ON SCHEMA public TO unqatu_app, unqatu_worker, unqatu_counter")
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("encryption_key_id", sa.Text(), nullable=True),
        sa.Column(
            "language",
            sa.Enum("kk", "ru", "en", name="language", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "active", "blocked", "erased", name="accountstate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("totp_secret_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("totp_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
        sa.Column("notification_preferences", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inbox_read_before_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("account_pkey")),
        sa.UniqueConstraint("phone_hash", name=op.f("account_phone_hash_key")),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transaction", Raw("XID8"), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("service_token_id", sa.Uuid(), nullable=True),
        sa.Column("branch_id", sa.Uuid(), nullable=True),
        sa.Column("object_kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_event_pkey")),
    )
    op.create_index("audit_event_branch_id_id_idx", "audit_event", ["branch_id", "id"], unique=False)
    op.create_index("audit_event_object_id_idx", "audit_event", ["object_id"], unique=False)
    op.create_index("audit_event_at_idx", "audit_event", ["at"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("audit_head_pkey")),
    )
    op.create_table(
        "branch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "level",
            sa.Enum(
                "republic",
                "region",
                "district",
                "primary",
                name="branchlevel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("path", Raw("LTREE"), nullable=False),
        sa.Column("name", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(level = 'republic') = (parent_id IS NULL)", name=op.f("branch_root_check")),
        sa.CheckConstraint("code ~ '^[a-z0-9_]{1,40}$'", name=op.f("branch_code_check")),
        sa.CheckConstraint("region_code IS NULL OR region_code ~ '^[A-Z]{2}$'", name=op.f("branch_region_code_check")),
        sa.ForeignKeyConstraint(["parent_id"], ["branch.id"], name=op.f("branch_parent_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("branch_pkey")),
        sa.UniqueConstraint("path", name=op.f("branch_path_key")),
    )
    op.create_index(op.f("branch_parent_id_idx"), "branch", ["parent_id"], unique=False)
    op.create_index("branch_path_gist_idx", "branch", ["path"], unique=False, postgresql_using="gist")
    op.create_table(
        "sign_in_challenge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("phone_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("encryption_key_id", sa.Text(), nullable=False),
        sa.Column("failed_count", sa.Integer(), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("sign_in_challenge_pkey")),
    )
    op.create_index("sign_in_challenge_last_failed_at_idx", "sign_in_challenge", ["last_failed_at"], unique=False)
    op.create_index(
        "sign_in_challenge_phone_hash_created_at_idx", "sign_in_challenge", ["phone_hash", "created_at"], unique=False
    )
    op.create_table(
        "audit_link",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["audit_event.id"], name=op.f("audit_link_event_id_fkey")),
        sa.PrimaryKeyConstraint("position", name=op.f("audit_link_pkey")),
        sa.UniqueConstraint("event_id", name=op.f("audit_link_event_id_key")),
    )
    op.create_table(
        "auth_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("installation_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("auth_session_account_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("auth_session_pkey")),
    )
    op.create_index(op.f("auth_session_account_id_idx"), "auth_session", ["account_id"], unique=False)
    op.create_table(
        "role",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column(
            "name",
            sa.Enum(
                "head_office_admin",
                "branch_admin",
                "petition_desk",
                "editor",
                "treasurer",
                "chair",
                "councillor",
                "party_control",
                name="rolename",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("granted_by_account_id", sa.Uuid(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("role_account_id_fkey")),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("role_branch_id_fkey")),
        sa.ForeignKeyConstraint(
            ["granted_by_account_id"], ["account.id"], name=op.f("role_granted_by_account_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("role_pkey")),
    )
    op.create_index("role_branch_id_idx", "role", ["branch_id"], unique=False)
    op.create_index(
        "role_current_key",
        "role",
        ["account_id", "branch_id", "name"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "service_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_by_account_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("service_token_branch_id_fkey")),
        sa.ForeignKeyConstraint(
            ["created_by_account_id"], ["account.id"], name=op.f("service_token_created_by_account_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("service_token_pkey")),
        sa.UniqueConstraint("prefix", name=op.f("service_token_prefix_key")),
    )
    op.create_index(op.f("service_token_branch_id_idx"), "service_token", ["branch_id"], unique=False)
    op.create_table(
        "settlement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("name", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("settlement_branch_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("settlement_pkey")),
    )
    op.create_index(op.f("settlement_branch_id_idx"), "settlement", ["branch_id"], unique=False)
    op.create_table(
        "stored_answer",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("stored_answer_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("stored_answer_pkey")),
    )
    op.create_index("stored_answer_created_at_idx", "stored_answer", ["created_at"], unique=False)
    op.create_table(
        "member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("family_name", sa.Text(), nullable=True),
        sa.Column("given_name", sa.Text(), nullable=True),
        sa.Column("patronymic", sa.Text(), nullable=True),
        sa.Column("name_sort", sa.Text(), nullable=False),
        sa.Column("birth_on", sa.Date(), nullable=True),
        sa.Column(
            "sex",
            sa.Enum("female", "male", name="sex", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("youth_wing", sa.Boolean(), nullable=False),
        sa.Column(
            "dues_category",
            sa.Enum(
                "standard",
                "student",
                "pensioner",
                "exempt",
                name="duescategory",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("settlement_id", sa.Uuid(), nullable=True),
        sa.Column("card_number", sa.Text(), nullable=True),
        sa.Column("iin_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("iin_hash", sa.LargeBinary(), nullable=True),
        sa.Column("encryption_key_id", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "active",
                "suspended",
                "left",
                "erased",
                name="memberstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("admitted_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(iin_encrypted IS NULL) = (iin_hash IS NULL)", name=op.f("member_iin_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("member_account_id_fkey")),
        sa.ForeignKeyConstraint(["settlement_id"], ["settlement.id"], name=op.f("member_settlement_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("member_pkey")),
        sa.UniqueConstraint("account_id", name=op.f("member_account_id_key")),
        sa.UniqueConstraint("card_number", name=op.f("member_card_number_key")),
        sa.UniqueConstraint("iin_hash", name=op.f("member_iin_hash_key")),
    )
    op.create_index("member_name_sort_id_idx", "member", ["name_sort", "id"], unique=False)
    op.create_index(op.f("member_settlement_id_idx"), "member", ["settlement_id"], unique=False)
    op.create_table(
        "refresh_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["auth_session.id"], name=op.f("refresh_token_session_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("refresh_token_pkey")),
    )
    op.create_index(op.f("refresh_token_session_id_idx"), "refresh_token", ["session_id"], unique=False)
    op.create_index("refresh_token_expires_at_idx", "refresh_token", ["expires_at"], unique=False)
    op.create_table(
        "membership",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("member_id"), "="),
            (sa.text("daterange(started_on, ended_on)"), "&&"),
            using="gist",
            name="membership_one_at_a_time_excl",
        ),
        sa.CheckConstraint("ended_on IS NULL OR ended_on > started_on", name=op.f("membership_period_check")),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("membership_branch_id_fkey")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("membership_member_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("membership_pkey")),
    )
    op.create_index(
        "membership_branch_current_idx",
        "membership",
        ["branch_id"],
        unique=False,
        postgresql_where=sa.text("ended_on IS NULL"),
        postgresql_include=["member_id"],
    )
    op.create_index(
        "membership_current_key",
        "membership",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("ended_on IS NULL"),
        postgresql_include=["branch_id"],
    )
    op.create_index(op.f("membership_member_id_idx"), "membership", ["member_id"], unique=False)
    op.execute(GUARD)
    for table in ("audit_event", "audit_link", "audit_head"):
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for statement in GRANTS.strip().split(";\n"):
        op.execute(statement)
