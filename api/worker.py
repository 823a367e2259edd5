"""A worker process: takes jobs from PostgreSQL. Any number of them, on any machine."""

import asyncio
import signal
from contextlib import suppress
from typing import Final

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status

from api.jobs import JOBS, PERIODIC, RETRIES
from api.jobs.registry import bind
from api.runtime import WORKER_ROLE, Runtime, database_url, running
from api.sealer import keep_sealing
from api.settings import Environment, Settings
from api.tracing import exporting
from models.db import plain_url

RESCUE_TASK: Final = "jobs.rescue_stalled"
RESCUE_PRIORITY: Final = 100
MISSED_HEARTBEATS: Final = 3
PAUSE_S: Final = 3.0

log = structlog.get_logger("unqatu.worker")


def build_app(runtime: Runtime) -> App:
    """procrastinate with every job of ours bound to `runtime`."""
    heartbeat_s = runtime.settings.job_heartbeat.total_seconds()
    app = App(connector=connect(runtime.settings, timeout_s=heartbeat_s * MISSED_HEARTBEATS))
    tasks = {
        name: app.task(name=name, retry=RETRIES.get(name, False))(bind(runtime, function))
        for name, function in JOBS.items()
    }
    for schedule in PERIODIC:
        app.periodic(cron=schedule.cron)(tasks[schedule.task])
    add_rescue(app, heartbeat_s=heartbeat_s)
    return app


def connect(settings: Settings, *, timeout_s: float) -> PsycopgConnector:
    """procrastinate's own pool, in the worker's role. It gives up on a lost database after `timeout_s`."""
    url = plain_url(database_url(settings, settings.worker_database_url))
    return PsycopgConnector(conninfo=url, kwargs={"options": f"-c role={WORKER_ROLE}"}, timeout=timeout_s)


def add_rescue(app: App, *, heartbeat_s: float) -> None:
    """Let workers look for the jobs of dead ones, as often as a heart beats.

    With high priority: behind a backlog of ten thousand jobs the rescue must not wait its turn.
    """
    seconds = min(max(round(heartbeat_s), 1), 30)

    @app.periodic(cron=f"* * * * * */{seconds}")
    @app.task(name=RESCUE_TASK, queueing_lock=RESCUE_TASK, priority=RESCUE_PRIORITY)
    async def rescue_stalled(timestamp: int) -> None:
        dead_after_s = heartbeat_s * MISSED_HEARTBEATS
        for stalled in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=dead_after_s):
            with suppress(ConnectorException):  # it has ended in the meantime, or another rescue was faster
                await rescue(app, stalled)


async def rescue(app: App, stalled: Job) -> None:
    """Let another worker run a job. A rescue comes again by the clock: brought back, it would collide with the next."""
    if stalled.task_name == RESCUE_TASK:
        await app.job_manager.finish_job(stalled, Status.FAILED, delete_job=True)
        return
    await app.job_manager.retry_job(stalled)
    log.warning("stalled job rescued", task=stalled.task_name)


async def work(settings: Settings, *, concurrency: int) -> None:
    """Work until SIGTERM or Ctrl-C; jobs under way are finished first. A lost database is waited for.

    Raises:
        SystemExit: in production without a real push sender: each campaign would count as delivered, and no phone hear.
    """
    if settings.environment is Environment.production and settings.push_sender == "console":
        raise SystemExit("The console push sender reaches no phone: set UNQATU_PUSH_SENDER=fcm in production.")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with exporting("worker"):
        async with running(settings, role=WORKER_ROLE) as runtime, asyncio.TaskGroup() as group:
            sealing = group.create_task(keep_sealing(runtime))
            while not stop.is_set():
                await work_until(stop, runtime, concurrency=concurrency)
            sealing.cancel()
    log.info("worker stopped")


async def work_until(stop: asyncio.Event, runtime: Runtime, *, concurrency: int) -> None:
    """Work until `stop`, or until this worker breaks, which a lost database does to it; then return after a pause."""
    worker = asyncio.create_task(run_worker(runtime, concurrency=concurrency))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
    worker.cancel()
    try:
        with suppress(asyncio.CancelledError):
            await worker
    except Exception as error:
        log.error("worker broke", error=type(error).__qualname__)
    if not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping, PAUSE_S)
    stopping.cancel()


async def run_worker(runtime: Runtime, *, concurrency: int) -> None:
    """One procrastinate worker, until it is cancelled; it then finishes what it has begun."""
    heartbeat_s = runtime.settings.job_heartbeat.total_seconds()
    app = build_app(runtime)
    async with app.open_async():
        log.info("worker ready")
        await app.run_worker_async(
            concurrency=concurrency,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=heartbeat_s,
            stalled_worker_timeout=heartbeat_s * MISSED_HEARTBEATS,
        )
