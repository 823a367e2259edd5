"""Prometheus figures. Labels are templates and codes; nothing personal can stand in them."""

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

REGISTRY: Final = CollectorRegistry()
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

requests = Counter("unqatu_requests_total", "Requests answered", ["method", "route", "status"], registry=REGISTRY)
latency = Histogram(
    "unqatu_request_seconds", "Seconds from first byte to last", ["route"], buckets=BUCKETS, registry=REGISTRY
)


@cache
def figures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The figures of one kind of request: looking them up by label each time costs more than counting."""
    return requests.labels(method, route, str(status)), latency.labels(route)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    count, time = figures(method, route, status)
    count.inc()
    time.observe(seconds)


def exposition() -> bytes:
    """All figures in Prometheus' text format."""
    return generate_latest(REGISTRY)
