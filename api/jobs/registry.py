"""The names of jobs. A service defers by name (services.jobs.defer); a worker finds the function here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from procrastinate import RetryStrategy

from api.logs import places
from api.runtime import Runtime
from api.tracing import job_span

log = structlog.get_logger("unqatu.jobs")

Job = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Schedule:
    """A job that runs by the clock. `cron` has five fields, in UTC; every worker may offer it, one runs it."""

    task: str
    cron: str


JOBS: Final[dict[str, Job]] = {}
PERIODIC: Final[list[Schedule]] = []
RETRIES: Final[dict[str, RetryStrategy]] = {}
RETRY: Final = RetryStrategy(max_attempts=8, exponential_wait=3)
"""Without a strategy of its own: after 3, 9, 27, … seconds, for three hours in all."""
RETRY_FOR_A_DAY: Final = RetryStrategy(max_attempts=8_640, wait=10)
"""What missed its minute because the database was away is still wanted."""


def job(name: str, *, cron: str | None = None, retry: RetryStrategy = RETRY) -> Callable[[Job], Job]:
    """Register `async def step(runtime: Runtime, **args)` under a name.

    With `cron` it runs by the clock, and a failure waits for the next time; without, a failure is tried again.
    """

    def register(function: Job) -> Job:
        if name in JOBS:
            raise ValueError(f"two jobs are called {name}")
        JOBS[name] = function
        if cron is not None:
            PERIODIC.append(Schedule(name, cron))
        else:
            RETRIES[name] = retry
        return function

    return register


class JobFailedError(Exception):
    """A step failed; all that is told is the type of error."""


def bind(runtime: Runtime, function: Job) -> Job:
    """The job with its runtime, as procrastinate calls it."""

    async def run(**args: Any) -> None:
        args.pop("timestamp", None)  # what procrastinate adds to periodic jobs
        try:
            with job_span(function.__name__):
                await function(runtime, **args)
        except Exception as error:
            log.error("job failed", job=function.__name__, error=type(error).__qualname__, at=places(error))
            # procrastinate logs what is raised with its message, and those of databases quote values.
            raise JobFailedError(type(error).__qualname__) from None

    return run
