"""Migrations as functions, for the command, the demo and the tests."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

FOLDER: Final = Path(__file__).parent


def config(url: str | None = None) -> Config:
    """Alembic's configuration for a database, or for none (offline, listing)."""
    result = Config()
    result.set_main_option("script_location", str(FOLDER))
    result.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    if url is not None:
        result.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return result


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database of `url` (of the owner) to `revision`."""
    command.upgrade(config(url), revision)


def write_sql(folder: Path) -> None:
    """Write what each migration would run, as NNNN.sql."""
    folder.mkdir(parents=True, exist_ok=True)
    for step in ScriptDirectory.from_config(config()).walk_revisions():
        with (folder / f"{step.revision}.sql").open("w") as file:
            offline = config()
            offline.output_buffer = file
            command.upgrade(offline, f"{step.down_revision or 'base'}:{step.revision}", sql=True)


def head() -> str:
    """The revision that this code needs."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    if revision is None:
        raise RuntimeError("there are no migrations")
    return revision


def autogenerate(url: str, title: str) -> None:
    """Draft the next migration from the difference between the models and a database at head."""
    number = f"{int(head()) + 1:04d}"
    command.revision(config(url), message=title, autogenerate=True, rev_id=number)
