"""What no honest client sends, against every operation: each gets a 4xx problem with a code."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from api.app import create_app
from api.errors import MEDIA_TYPE, error_codes
from api.openapi import METHODS
from api.settings import Environment, Settings
from models.roles import RoleName
from tests.factories.world import SignIn, World

JSON: Final = {"content-type": "application/json"}
ID: Final = UUID("01990c5e-4b7a-7c31-9d52-0a6f1f7c2b11")
NESTED: Final = {"a": None}


@dataclass(frozen=True)
class Operation:
    """One operation and a request that fits its schema."""

    method: str
    template: str
    audience: str
    parameters: dict[str, str]
    body: Any
    media_type: str | None

    @property
    def url(self) -> str:
        return re.sub(r"{\w+}", str(ID), self.template)


def read_operations() -> Iterator[Operation]:
    """Every operation of the document."""
    document = create_app(Settings(environment=Environment.test)).openapi()
    for template, item in document["paths"].items():
        for method in METHODS & item.keys():
            operation = item[method]
            content = operation.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("example")
            parameters = {parameter["name"]: parameter["in"] for parameter in operation.get("parameters", ())}
            yield Operation(method, template, operation["tags"][0], parameters, body, next(iter(content), None))


OPERATIONS: Final = sorted(read_operations(), key=lambda operation: (operation.template, operation.method))
WITH_BODY: Final = [operation for operation in OPERATIONS if operation.body is not None]


def name(operation: Operation) -> str:
    return f"{operation.method} {operation.template}"


each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=name)
each_with_body = pytest.mark.parametrize("operation", WITH_BODY, ids=name)


@pytest_asyncio.fixture
async def headers(world: World, sign_in: SignIn) -> dict[str, dict[str, str]]:
    """Good credentials by audience: what is wrong with a request is not who sends it."""
    return {
        "public": {},
        "member": await sign_in(world.people["Daulet"].account_id),
        "admin": await sign_in.admin(world.branches["kz"], RoleName.head_office_admin),
    }


@dataclass(frozen=True)
class Sender:
    """Sends one operation's request with something wrong in it, and expects to be told so."""

    client: httpx.AsyncClient
    headers: dict[str, dict[str, str]]

    async def refused(self, operation: Operation, *statuses: int, **request: Any) -> None:
        """Send; the answer is a problem, with one of the statuses if they are given."""
        headers = self.headers[operation.audience] | request.pop("headers", {})
        if "if-match" in operation.parameters:
            headers = {"if-match": '"1"'} | headers
        if operation.media_type and "json" not in request and "content" not in request:
            headers = {"content-type": operation.media_type} | headers
            request["content"] = json.dumps(operation.body).encode()
        url = request.pop("url", operation.url)
        answer = await self.client.request(request.pop("method", operation.method), url, headers=headers, **request)
        sent = f"{str(request)[:200]}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code in (statuses or range(400, 500)), sent
        assert answer.headers["content-type"] == MEDIA_TYPE, sent
        assert error_codes()[answer.json()["code"]] == answer.status_code, sent


@pytest.fixture
def sender(client: httpx.AsyncClient, headers: dict[str, dict[str, str]]) -> Sender:
    return Sender(client, headers)


BROKEN_BODIES: Final = {
    "cut off": b'{"a": ',
    "not JSON": b"name=value&other=1",
    "a NUL byte": b'{"a": "\0"}',
    "only a NUL byte": b"\0",
    "bad UTF-8": b'{"a": "\xff\xfe\xfa"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "two values": b"{} {}",
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "a number too long to be one": b"1" * 10_000,
    "no number": b'{"a": NaN, "b": Infinity}',
    "nested 100 deep": b'{"a":' * 100 + b"1" + b"}" * 100,
    "nested 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "nested and never closed": b'{"a":' * 20_000,
    "too long": b'"' + b"a" * (300 * 1024) + b'"',
}


@each_with_body
async def test_broken_body(sender: Sender, operation: Operation) -> None:
    for content in BROKEN_BODIES.values():
        await sender.refused(operation, 400, 413, 422, content=content, headers=JSON)


@each_with_body
async def test_ten_megabytes_are_not_read(sender: Sender, operation: Operation) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            sent += 64 * 1024
            yield b"[" * 64 * 1024

    await sender.refused(operation, 413, content=pieces(), headers=JSON)
    assert sent < 1024 * 1024


@each_with_body
@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonx", "json", ""],
)
async def test_wrong_content_type(sender: Sender, operation: Operation, media_type: str) -> None:
    body = json.dumps(operation.body).encode()
    await sender.refused(operation, 415, content=body, headers={"content-type": media_type})


@each_with_body
async def test_unknown_field(sender: Sender, operation: Operation) -> None:
    await sender.refused(operation, 422, json=operation.body | {"no_such_field": 1})


BAD_VALUES: Final = (
    '"lone \\ud800 surrogate"',
    '"\\u0000"',
    '"a\\u0000b"',
    str(2**63),
    str(-(2**63) - 1),
    "1e400",
    "[" * 100 + "]" * 100,
    '{"a":' * 100 + "1" + "}" * 100,
    '"' + "Қ" * 60_000 + '"',
    "[[[]]]",
    '{"":{"":""}}',
)


@each_with_body
async def test_bad_value_in_each_field(sender: Sender, operation: Operation) -> None:
    for field in operation.body:
        for value in BAD_VALUES:
            good = {name: value for name, value in operation.body.items() if name != field}
            content = f"{json.dumps(good)[:-1]}{', ' if good else ''}{json.dumps(field)}: {value}}}"
            await sender.refused(operation, content=content.encode(), headers=JSON)


@each_operation
async def test_unknown_query_parameter(sender: Sender, operation: Operation) -> None:
    for query in ("no_such_parameter=1", "%00=1", "%ff=%ff", "a[]=1", "__proto__=1", "=1"):
        await sender.refused(operation, 422, url=f"{operation.url}?{query}")


BAD_IN_URLS: Final = ("%00", "a%00b", "%ff%fe", "%ED%A0%80", "x" * 5_000)
"""NUL, what is no UTF-8, a surrogate, too long."""
ODD_IN_URLS: Final = (str(2**63), "-1", "1e400", "%F0%9F%92%A9", "null", "%27%3B--", "%25")
"""Bad as a number or an id, good as a text to look for."""


@each_operation
async def test_bad_value_of_each_parameter(sender: Sender, operation: Operation) -> None:
    for parameter, place in operation.parameters.items():
        for value in BAD_IN_URLS if place == "query" else ():
            await sender.refused(operation, 422, url=f"{operation.url}?{parameter}={value}")
        for value in BAD_IN_URLS + ODD_IN_URLS if place == "path" else ():
            url = operation.template.replace(f"{{{parameter}}}", value)
            await sender.refused(operation, 404, 422, url=re.sub(r"{\w+}", str(ID), url))


@each_operation
async def test_odd_value_of_each_parameter_breaks_nothing(sender: Sender, operation: Operation) -> None:
    headers = sender.headers[operation.audience]
    for parameter in [name for name, place in operation.parameters.items() if place == "query"]:
        for value in ODD_IN_URLS:
            answer = await sender.client.get(f"{operation.url}?{parameter}={value}", headers=headers)
            assert answer.status_code in {200, 404, 422}


@each_operation
async def test_repeated_query_parameter_is_no_way_in(sender: Sender, operation: Operation) -> None:
    for parameter in [name for name, place in operation.parameters.items() if place == "query"]:
        await sender.refused(operation, 404, 422, url=f"{operation.url}?{parameter}=%00&{parameter}=%00")


@each_operation
async def test_odd_method(sender: Sender, operation: Operation) -> None:
    for method in ("TRACE", "PROPFIND", "QUERY", "get", "\N{LATIN SMALL LETTER E WITH ACUTE}"):
        await sender.refused(operation, 404, 405, 422, method=method.encode())


@each_operation
async def test_headers_that_are_too_long_or_twice_there(sender: Sender, operation: Operation) -> None:
    if operation.audience != "public":
        for value in (
            "Bearer " + "x" * 60_000,
            "Bearer",
            "Basic eA==",
            "Bearer \xff",
            "Bearer a.b.c",
            "Bearer uqs_a_b",
        ):
            await sender.refused(operation, 401, headers={"authorization": value.encode("latin-1")})
    for parameter in {"idempotency-key", "if-match"} & {name.lower() for name in operation.parameters}:
        for value in ("x" * 60_000, "\xff", "", "W/"):
            await sender.refused(operation, headers={parameter: value.encode("latin-1")})


async def test_unknown_path(client: httpx.AsyncClient) -> None:
    for path in ("/v1/nothing", "/v1/me/", "//v1/me", "/v1/%00", "/v1/%ff", "/v1/me/../me/", "/%2e%2e/etc/passwd"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_route")
