"""Work for later, deferred inside the caller's transaction: it runs if and only if that commits."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.db import execute

BACKLOG: Final = sa.text("""
    SELECT j.task_name, j.status::text AS status, count(*) AS job_count,
           extract(epoch FROM CAST(:now AS timestamptz) - min(coalesce(j.scheduled_at, e.at))) AS oldest_s
      FROM procrastinate_jobs j LEFT JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
     WHERE j.status IN ('todo', 'doing', 'failed')
     GROUP BY j.task_name, j.status
     ORDER BY j.task_name, j.status
""")

HIGH: Final = 10
NORMAL: Final = 0

DEFER: Final = sa.text("""
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW(job.queue_name, job.task_name, job.priority, job.lock, job.queueing_lock, job.args, job.scheduled_at)
        ::procrastinate_job_to_defer_v1))
      FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS job(
        queue_name varchar, task_name varchar, priority integer, lock text, queueing_lock text, args jsonb,
        scheduled_at timestamptz)
""")


@dataclass(frozen=True, slots=True)
class Backlog:
    """The jobs of one task in one state: todo, doing, or failed for good.

    Attributes:
        oldest_s: seconds since the oldest of them was due; negative while none is.
    """

    task: str
    state: str
    count: int
    oldest_s: float


async def read_backlog(session: AsyncSession, *, now: datetime) -> list[Backlog]:
    """What waits, runs or has failed."""
    found = await execute(session, BACKLOG, now=now)
    return [Backlog(row.task_name, row.status, row.job_count, float(row.oldest_s)) for row in found]


async def defer(
    session: AsyncSession,
    task: str,
    *,
    at: datetime | None = None,
    priority: int = NORMAL,
    lock: str | None = None,
    **args: str | int,
) -> None:
    """Run `task` with `args` in a worker once this transaction has committed.

    Args:
        task: a name registered in api.worker.
        at: not before this moment; at once without it.
        lock: jobs of one lock run one after another.
    """
    await defer_many(session, task, [args], at=at, priority=priority, lock=lock)


async def defer_many(
    session: AsyncSession,
    task: str,
    arguments: list[dict[str, str | int]],
    *,
    at: datetime | None = None,
    priority: int = NORMAL,
    lock: str | None = None,
) -> None:
    """Run `task` once for each of `arguments`; one statement for all."""
    if not arguments:
        return
    jobs = [
        {
            "queue_name": "default",
            "task_name": task,
            "priority": priority,
            "lock": lock,
            "queueing_lock": None,
            "args": args,
            "scheduled_at": at.isoformat() if at else None,
        }
        for args in arguments
    ]
    await execute(session, DEFER, jobs=json.dumps(jobs))
