"""Traces, exported only when OTEL_EXPORTER_OTLP_ENDPOINT says where to. Otherwise no SDK is loaded and a request pays
one comparison.

Spans carry what logs carry: templates, codes and ids of exchanges, nothing personal; of an error its type alone.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACE_HEADERS: Final = frozenset({b"traceparent", b"tracestate"})
PROPAGATOR: Final = TraceContextTextMapPropagator()

tracer: Tracer | None = None


@contextmanager
def exporting(service: str) -> Iterator[None]:
    """Export the spans of this process, if the environment asks for it, until the block ends.

    Args:
        service: what the process is called in traces, unless OTEL_SERVICE_NAME says otherwise.
    """
    global tracer
    if ENDPOINT not in os.environ:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", f"unqatu-{service}")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("unqatu")
    try:
        yield
    finally:
        tracer = None
        provider.shutdown()


def record_request(
    headers: Iterable[tuple[bytes, bytes]], *, method: str, route: str, status: int, request_id: str, seconds: float
) -> None:
    """Record a request that has just been answered, as part of the caller's trace if it names one."""
    if tracer is None:
        return
    carrier = {name.decode(): value.decode("latin-1") for name, value in headers if name in TRACE_HEADERS}
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "unqatu.request_id": request_id,
    }
    span = tracer.start_span(
        f"{method} {route}",
        context=PROPAGATOR.extract(carrier),
        kind=SpanKind.SERVER,
        attributes=attributes,
        start_time=time.time_ns() - int(seconds * 1e9),
    )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_status(StatusCode.ERROR)
    span.end()


@contextmanager
def job_span(task: str) -> Iterator[None]:
    """A span around a job."""
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(
        f"job {task}", kind=SpanKind.CONSUMER, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
