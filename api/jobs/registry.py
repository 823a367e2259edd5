"""The names of jobs. A service defers by name (services.jobs.defer); a worker finds the function here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from procrastinate import RetryStrategy

from api.runtime import Runtime

Job = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Schedule:
    """A job that runs by the clock. `cron` has five fields, in UTC; every worker may offer it, one runs it."""

    task: str
    cron: str


JOBS: Final[dict[str, Job]] = {}
PERIODIC: Final[list[Schedule]] = []
RETRIES: Final[dict[str, RetryStrategy]] = {}


def job(name: str, *, cron: str | None = None, retry: RetryStrategy | None = None) -> Callable[[Job], Job]:
    """Register `async def step(runtime: Runtime, **args)` under a name, and on a schedule if `cron` is given.

    What a failing step raises is logged with its message, so that must hold nothing personal.
    """

    def register(function: Job) -> Job:
        if name in JOBS:
            raise ValueError(f"two jobs are called {name}")
        JOBS[name] = function
        if cron is not None:
            PERIODIC.append(Schedule(name, cron))
        if retry is not None:
            RETRIES[name] = retry
        return function

    return register


def bind(runtime: Runtime, function: Job) -> Job:
    """The job with its runtime, as procrastinate calls it."""

    async def run(**args: Any) -> None:
        args.pop("timestamp", None)  # what procrastinate adds to periodic jobs
        await function(runtime, **args)

    return run
