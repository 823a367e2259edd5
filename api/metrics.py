"""Prometheus figures. Labels are templates and codes; nothing personal can stand in them."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

REGISTRY: Final = CollectorRegistry()
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

requests = Counter("unqatu_requests_total", "Requests answered", ["method", "route", "status"], registry=REGISTRY)
latency = Histogram(
    "unqatu_request_seconds", "Seconds from first byte to last", ["route"], buckets=BUCKETS, registry=REGISTRY
)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    requests.labels(method, route, str(status)).inc()
    latency.labels(route).observe(seconds)


def exposition() -> bytes:
    """All figures in Prometheus' text format."""
    return generate_latest(REGISTRY)
