"""Drafting a migration from what the models say."""

import tempfile
from pathlib import Path

from cyclopts import App

from models.embedded import create_database, remove, running_server
from models.migrations import runner

app = App(name="migration", help="For those who change the tables.")


@app.command
def draft(title: str) -> None:
    """Write the next migration: the difference between the models and an empty database brought to head."""
    folder = Path(tempfile.mkdtemp(prefix="unqatu-draft-"))
    try:
        with running_server(folder, durable=False) as server:
            create_database(server, "draft")
            runner.upgrade(server.url("draft"))
            runner.autogenerate(server.url("draft"), title)
    finally:
        remove(folder)
