"""Alembic's environment. psycopg, because procrastinate's schema is several statements in one string."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import make_url
from sqlmodel import AutoString, SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

import models  # noqa: F401  # fills the metadata
from models.audit import Xid8
from models.base import Ltree

NOT_OURS = ("procrastinate_",)


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our column types without importing the models: a migration must not change when they do."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.Text()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Ltree | Xid8):
        autogen.imports.add("from models.migrations.types import Raw")
        return f"Raw({item.get_col_spec()!r})"
    return False


def include_object(item: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Leave procrastinate's tables to procrastinate."""
    return not (kind == "table" and name is not None and name.startswith(NOT_OURS))


# A migration that waits for a lock makes everybody behind it wait too: better to fail and try again.
LOCK_TIMEOUT = "5s"

OPTIONS: dict[str, Any] = {
    "target_metadata": SQLModel.metadata,
    "transaction_per_migration": True,
    "render_item": render_item,
    "include_object": include_object,
}

if context.is_offline_mode():
    # paramstyle: with the driver's own, every percent sign would be written twice.
    context.configure(dialect_name="postgresql", dialect_opts={"paramstyle": "named"}, literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        context.run_migrations()
else:
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise SystemExit("Run migrations with `unqatu migrate`, which knows the database.")
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=pool.NullPool,
        connect_args={"options": f"-c lock_timeout={LOCK_TIMEOUT}"},
    )
    with engine.connect() as connection:
        context.configure(connection=connection, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
