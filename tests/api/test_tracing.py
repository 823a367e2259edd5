"""Traces, as a collector of the OTLP protocol receives them."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from api import tracing
from api.jobs.registry import JobFailedError, bind
from api.runtime import Runtime
from tests.factories.world import SignIn, World

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(ThreadingHTTPServer):
    """Keeps the spans that are exported to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Span] = []

    def attributes(self, name: str) -> dict[str, str | int]:
        """The attributes of the one span with a name."""
        (span,) = (span for span in self.spans if span.name == name)
        return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


class Receiver(BaseHTTPRequestHandler):
    """Takes one export."""

    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(tracing.ENDPOINT, f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        yield server
        server.shutdown()
        thread.join()


async def test_request_is_a_span_of_the_callers_trace_with_template_and_nothing_personal(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, collector: Collector
) -> None:
    headers = await sign_in(world.people["Aigul"].account_id)
    traced = headers | {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    branch = world.branches["kz.at"].id
    with tracing.exporting("test"):
        answer = await client.get(f"/v1/admin/branches/{branch}?", headers=traced)
        await client.post("/v1/auth/codes", json={"phone": "+7 701 765 43 21"})
    assert collector.attributes("GET /v1/admin/branches/{branch_id}") == {
        "http.request.method": "GET",
        "http.route": "/v1/admin/branches/{branch_id}",
        "http.response.status_code": 403,
        "unqatu.request_id": answer.headers["x-request-id"],
    }
    (span,) = (span for span in collector.spans if span.name.startswith("GET"))
    assert (span.trace_id.hex(), span.kind) == (TRACE, Span.SPAN_KIND_SERVER)
    sent = str(collector.spans)
    for personal in ("765", str(branch), str(world.people["Aigul"].account_id), headers["authorization"]):
        assert personal not in sent


async def test_job_is_a_span_and_its_failure_tells_its_type_alone(runtime: Runtime, collector: Collector) -> None:
    async def send_letters(_: Runtime, **__: object) -> None:
        raise ValueError("to +77011234567")

    with tracing.exporting("test"), pytest.raises(JobFailedError):
        await bind(runtime, send_letters)()
    assert collector.attributes("job send_letters") == {"error.type": "ValueError"}
    assert "7701" not in str(collector.spans)


async def test_nothing_is_exported_unless_the_environment_says_where_to(client: httpx.AsyncClient) -> None:
    with tracing.exporting("test"):
        assert tracing.tracer is None
        assert (await client.get("/health/live")).status_code == 200
