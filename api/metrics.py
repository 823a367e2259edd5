"""Prometheus figures. Labels are templates and codes; nothing personal can stand in them."""

import os
import shutil
from collections.abc import Iterable, Iterator, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api import tracing
from services.jobs import Backlog

Scope = MutableMapping[str, Any]

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where several server processes count together; prometheus_client looks at it when it is first imported."""
REGISTRY: Final = CollectorRegistry()
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

requests = Counter("unqatu_requests_total", "Requests answered", ["method", "route", "status"], registry=REGISTRY)
latency = Histogram(
    "unqatu_request_seconds", "Seconds from first byte to last", ["route"], buckets=BUCKETS, registry=REGISTRY
)


def share(folder: Path) -> None:
    """Let the server processes that this one starts count together, from zero."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[SHARED_FOLDER] = str(folder)


def method_label(method: str) -> str:
    """The method, if it is one; a client may send any word."""
    return method if method in METHODS else "other"


@cache
def figures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The figures of one kind of request: looking them up by label each time costs more than counting."""
    return requests.labels(method, route, str(status)), latency.labels(route)


def observe_request(scope: Scope, *, route: str, status: int, request_id: str, seconds: float) -> str:
    """Count and trace one answered request; its method as it may be shown."""
    method = method_label(scope["method"])
    counted, timed = figures(method, route, status)
    counted.inc()
    timed.observe(seconds)
    if tracing.tracer is not None:
        tracing.record_request(
            scope["headers"], method=method, route=route, status=status, request_id=request_id, seconds=seconds
        )
    return method


class Snapshot(Collector):
    """Figures of this moment, which nobody has to keep up to date."""

    def __init__(self, figures: Iterable[Metric]) -> None:
        self.figures = figures

    def collect(self) -> Iterable[Metric]:
        return self.figures


def pool_figures(in_use: int, size: int) -> Iterator[Metric]:
    """The database connections of the process that answers."""
    yield GaugeMetricFamily("unqatu_pool_connections_in_use", "Connections that requests hold now", in_use)
    yield GaugeMetricFamily("unqatu_pool_connections_max", "Connections that requests may hold", size)


def job_figures(backlog: Iterable[Backlog] | None) -> Iterator[Metric]:
    """The job queue; None while the database is away."""
    yield GaugeMetricFamily("unqatu_database_up", "1 while the database answers", float(backlog is not None))
    count = GaugeMetricFamily("unqatu_jobs", "Jobs that wait, run, or failed for good", labels=["task", "state"])
    age = GaugeMetricFamily("unqatu_jobs_oldest_seconds", "Seconds since the oldest was due", labels=["task", "state"])
    for line in backlog or ():
        count.add_metric([line.task, line.state], line.count)
        age.add_metric([line.task, line.state], line.oldest_s)
    yield from (count, age)


def exposition(figures: Iterable[Metric]) -> bytes:
    """What was counted, by all server processes, and `figures`, in Prometheus' text format."""
    counted, now = REGISTRY, CollectorRegistry()
    now.register(Snapshot(list(figures)))
    if SHARED_FOLDER in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # the library leaves it bare
    return generate_latest(counted) + generate_latest(now)
