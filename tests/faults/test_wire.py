"""What only a real server meets: bytes that are hardly HTTP, and several processes behind one port."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest

from api.errors import error_codes
from api.settings import Settings
from tests.factories.processes import ServerProcess, serving


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Two processes behind one port."""
    with serving(settings, tmp_path_factory.mktemp("server"), UNQATU_PROCESSES="2") as made:
        yield made


async def send_raw(server: ServerProcess, sent: bytes) -> tuple[int, bytes]:
    """Send bytes and read the answer to its end: status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


CLOSE = b"Host: test\r\nConnection: close\r\n"
NO_HTTP = (
    b"GET /v1/me HTTP/1.1\r\nHost test\r\n\r\n",
    b"G\x00T /v1/me HTTP/1.1\r\n" + CLOSE + b"\r\n",
    b"POST /v1/auth/codes HTTP/1.1\r\n" + CLOSE + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /v1/auth/codes HTTP/1.1\r\n" + CLOSE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nabcde",
    b"POST /v1/auth/codes HTTP/1.1\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
)
ODD_HTTP = {
    b"GET /v1/%ff%fe%00 HTTP/1.1\r\n": 404,
    b"GET /v1/%zz HTTP/1.1\r\n": 404,
    b"GET //v1//me HTTP/1.1\r\n": 404,
    b"GET /v1/../v1/me HTTP/1.1\r\n": 404,
    b"GET /v1/news?cursor=%ff HTTP/1.1\r\nAuthorization: Bearer \xff\r\n": 422,
    b"GET /v1/me HTTP/1.1\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n": 401,
    b"PROPFIND /v1/me HTTP/1.1\r\n": 405,
    b"GET /v1/me HTTP/1.1\r\n" + b"X-Many: x\r\n" * 5_000: 431,
    b"GET /v1/" + b"x" * 50_000 + b" HTTP/1.1\r\n": 431,
}


async def test_bad_bytes_get_an_answer_and_the_server_lives_on(server: ServerProcess) -> None:
    for sent in NO_HTTP:
        status, body = await send_raw(server, sent)
        assert (status, json.loads(body)["code"]) == (400, "malformed_request"), sent
    for sent, expected in ODD_HTTP.items():
        status, body = await send_raw(server, sent + CLOSE + b"\r\n")
        assert (status, error_codes()[json.loads(body)["code"]]) == (expected, expected), sent[:100]
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/health/ready")).status_code == 200


async def test_head_without_an_end_is_ended(server: ServerProcess) -> None:
    status, body = await send_raw(server, b"GET /v1/me HTTP/1.1\r\nX-Long: " + b"x" * 40_000)
    assert (status, json.loads(body)["code"]) == (431, "head_too_long")


async def test_processes_behind_one_port_count_together(server: ServerProcess) -> None:
    async def ask() -> None:
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/health/live")).status_code == 200

    await asyncio.gather(*(ask() for _ in range(20)))
    async with httpx.AsyncClient(base_url=server.url) as client:
        for _ in range(5):
            lines = (await client.get("/metrics")).text.splitlines()
            (counted,) = [line for line in lines if 'unqatu_requests_total{method="GET",route="/health/live"' in line]
            assert float(counted.split()[-1]) == 20
