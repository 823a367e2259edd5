"""A worker process: takes jobs from PostgreSQL. Any number of them, on any machine."""

import asyncio
from typing import Final

import structlog
from procrastinate import App, PsycopgConnector

from api.jobs import JOBS, PERIODIC, RETRIES
from api.jobs.registry import bind
from api.runtime import WORKER_ROLE, Runtime, database_url, running
from api.sealer import keep_sealing
from api.settings import Settings
from models.db import plain_url

RESCUE_TASK: Final = "jobs.rescue_stalled"
RESCUE_PRIORITY: Final = 100

log = structlog.get_logger("unqatu.worker")


def build_app(runtime: Runtime) -> App:
    """procrastinate with every job of ours bound to `runtime`."""
    url = database_url(runtime.settings, runtime.settings.worker_database_url)
    app = App(connector=PsycopgConnector(conninfo=plain_url(url), kwargs={"options": f"-c role={WORKER_ROLE}"}))
    tasks = {
        name: app.task(name=name, retry=RETRIES.get(name, False))(bind(runtime, function))
        for name, function in JOBS.items()
    }
    for schedule in PERIODIC:
        app.periodic(cron=schedule.cron)(tasks[schedule.task])

    # High priority: behind a backlog of ten thousand jobs the rescue of a dead worker's must not wait its turn.
    @app.periodic(cron="* * * * *")
    @app.task(name=RESCUE_TASK, queueing_lock=RESCUE_TASK, priority=RESCUE_PRIORITY)
    async def rescue_stalled(timestamp: int) -> None:
        for stalled in await app.job_manager.get_stalled_jobs():
            await app.job_manager.retry_job(stalled)
            log.warning("stalled job rescued", task=stalled.task_name)

    return app


async def work(settings: Settings, *, concurrency: int) -> None:
    """Work until SIGTERM or Ctrl-C; jobs under way are finished first."""
    async with running(settings, role=WORKER_ROLE) as runtime:
        app = build_app(runtime)
        sealing = asyncio.create_task(keep_sealing(runtime))
        async with app.open_async():
            try:
                await app.run_worker_async(concurrency=concurrency, delete_jobs="successful")
            except asyncio.CancelledError:
                log.info("worker stopped")
            finally:
                sealing.cancel()
