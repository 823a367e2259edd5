"""The migrations make what the models say, and the rest of what they make is written down in catalogue.txt."""

import os
import re
from pathlib import Path
from typing import Final

import psycopg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.ext.compiler import compiles
from sqlmodel import AutoString, SQLModel

import models  # noqa: F401  # fills the metadata
from models.migrations import runner
from tests.conftest import create_database, drop_database

CATALOGUE: Final = Path(__file__).with_name("catalogue.txt")
OURS: Final = """
    CREATE TEMPORARY VIEW ours AS
    SELECT c.oid, c.relname, c.relkind
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relname !~ '^(procrastinate_|alembic_)'
"""
COLUMNS: Final = """
    SELECT format('%I.%I %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attnotnull THEN ' not null' END, ' default ' || pg_get_expr(d.adbin, d.adrelid))
      FROM pg_attribute a JOIN ours c ON c.oid = a.attrelid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""
CONSTRAINTS: Final = """
    SELECT format('%I: %I %s', c.relname, k.conname, pg_get_constraintdef(k.oid))
      FROM pg_constraint k JOIN ours c ON c.oid = k.conrelid
     WHERE k.contype <> 't'
"""
INDEXES: Final = "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN ours c ON c.oid = i.indrelid"
TRIGGERS: Final = """
    SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN ours c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
"""
FUNCTIONS: Final = """
    SELECT format('FUNCTION %s(%s) %s%s', p.proname, pg_get_function_identity_arguments(p.oid),
                  CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
                  CASE WHEN p.prosecdef THEN ' security definer' END)
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = 'public' AND p.proname !~ '^procrastinate_'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
GRANTS: Final = """
    SELECT format('ON %s %s MAY %s', g.thing, g.grantee, string_agg(g.privilege, ', ' ORDER BY g.privilege))
      FROM (SELECT c.relname::text AS thing, x.privilege_type AS privilege, x.grantee::regrole::text AS grantee
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) x
             WHERE n.nspname = 'public' AND x.grantee <> c.relowner
             UNION ALL
            SELECT format('%s(%s)', c.relname, a.attname), x.privilege_type, x.grantee::regrole::text
              FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
                   aclexplode(a.attacl) x
             WHERE n.nspname = 'public'
             UNION ALL
            SELECT format('FUNCTION %s', p.proname), x.privilege_type, x.grantee::regrole::text
              FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) x
             WHERE n.nspname = 'public' AND p.proname !~ '^procrastinate_' AND x.grantee NOT IN (0, p.proowner)) AS g
     GROUP BY g.thing, g.grantee
"""


@compiles(AutoString, "postgresql")
def as_text(*_: object, **__: object) -> str:
    """What the migrations make of a plain `str` (models.migrations.env)."""
    return "TEXT"


def lines(url: str, query: str) -> list[str]:
    """The sorted answer of a query that gives one text a row."""
    with psycopg.connect(url) as connection:
        connection.execute(OURS)
        return sorted(re.sub(r"\s+", " ", row[0]) for row in connection.execute(query))


@pytest.fixture(scope="module")
def modelled(server_url: str):
    """A database made from the models alone (owner's URL)."""
    name = f"{os.environ['UNQATU_TEST_TEMPLATE']}_models_{os.getpid()}"
    url = create_database(server_url, name)
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        for extension in ("ltree", "btree_gist", "pg_trgm"):
            connection.exec_driver_sql(f"CREATE EXTENSION {extension}")
        SQLModel.metadata.create_all(connection)
    yield url
    drop_database(server_url, name)


@pytest.mark.parametrize("query", [COLUMNS, CONSTRAINTS, INDEXES], ids=["columns", "constraints", "indexes"])
def test_from_empty_to_head_gives_what_the_models_say(database_url: str, modelled: str, query: str) -> None:
    assert lines(database_url, query) == lines(modelled, query)


def test_triggers_functions_and_grants_are_the_ones_written_down(database_url: str) -> None:
    """What no model knows."""
    found = sorted(line for query in (FUNCTIONS, TRIGGERS, GRANTS) for line in lines(database_url, query))
    if os.environ.get("UPDATE_CATALOGUE"):
        CATALOGUE.write_text("\n".join(found) + "\n")
    assert found == sorted(CATALOGUE.read_text().splitlines()), "read the difference; UPDATE_CATALOGUE=1 accepts it"


def test_there_is_one_head() -> None:
    steps = ScriptDirectory.from_config(runner.config())
    assert len(steps.get_heads()) == 1
    numbers = sorted(step.revision for step in steps.walk_revisions())
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]


def test_every_migration_says_how_it_is_deployed() -> None:
    for step in ScriptDirectory.from_config(runner.config()).walk_revisions():
        for word in ("Deploy order:", "Rows touched:", "Locks taken:", "Way back:"):
            assert word in step.doc + (step.module.__doc__ or ""), f"{step.revision} does not say: {word}"
