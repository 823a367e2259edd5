"""The command: unqatu demo | serve | worker | migrate | openapi | keys | admin …"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import uvicorn
from cyclopts import App, Parameter

from api import logs, metrics
from api.commands import accounts, audit, demo, founding, keys, migrations
from api.commands.errors import SPOKEN, sentence
from api.commands.openapi import openapi
from api.commands.settings import settings
from api.protocol import BoundedProtocol
from api.runtime import database_url
from api.settings import Settings
from api.worker import work
from models.migrations import runner

app = App(name="unqatu", help="The backend of a party's membership app.")
admin = App(name="admin", help="What an operator does by hand.")
admin.command(accounts.reset_second_factor)
admin.command(audit.app)
admin.command(founding.found)
app.command(admin)
app.command(keys.app)
app.command(migrations.app)
app.command(demo.demo)
app.command(demo.demo_reset)
app.command(openapi)
app.command(settings)


@app.command
def serve() -> None:
    """Serve the API on UNQATU_HOST:UNQATU_PORT."""
    chosen = Settings()
    if chosen.processes > 1:
        metrics.share(chosen.data_folder / "metrics")
    uvicorn.run(
        "api.app:serve",
        factory=True,
        host=chosen.host,
        port=chosen.port,
        workers=chosen.processes,
        loop="uvloop",
        http=BoundedProtocol,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=20,
    )


@app.command
def worker(*, concurrency: Annotated[int, Parameter(help="Jobs at a time.")] = 8) -> None:
    """Work on jobs until Ctrl-C or SIGTERM."""
    asyncio.run(work(Settings(), concurrency=concurrency))


@app.command
def migrate(
    *, sql: Annotated[Path | None, Parameter(help="A folder to write the SQL to, one file each.")] = None
) -> None:
    """Bring the database to the newest schema, as its owner; or only write what would be run."""
    if sql is not None:
        runner.write_sql(sql)
        return
    chosen = Settings()
    runner.upgrade(database_url(chosen, chosen.owner_database_url))


def main() -> None:
    """Run the command line."""
    logs.configure(sys.stderr)
    try:
        app()
    except SPOKEN as error:
        sys.exit(sentence(error))


if __name__ == "__main__":
    main()
