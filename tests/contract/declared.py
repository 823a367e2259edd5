"""Holds the application to its OpenAPI document: every answer that any test gets must be one that is declared."""

import gzip
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs

from api.edge import ASGIApp, Message, Receive, Scope, Send
from api.errors import MEDIA_TYPE
from api.openapi import METHODS, Document


def pattern(template: str) -> re.Pattern[str]:
    """What paths a template stands for."""
    return re.compile(re.sub(r"{\w+}", "[^/]+", template))


@dataclass(frozen=True, eq=False)
class Declarations:
    """What a document declares."""

    document: Document

    def __post_init__(self) -> None:
        # Fixed paths before those with parameters, as "/news/search" and "/news/{article_id}".
        templates = sorted(self.document["paths"], key=lambda template: (template.count("{"), template))
        object.__setattr__(self, "patterns", [(pattern(template), template) for template in templates])

    def operation(self, method: str, path: str) -> Document | None:
        """The operation that a request calls, if it calls one."""
        for found, template in self.patterns:  # type: ignore[attr-defined]  # set above
            if found.fullmatch(path) and method.lower() in self.document["paths"][template].keys() & METHODS:
                return self.document["paths"][template][method.lower()]
        return None

    @cache  # noqa: B019  # as many as schemas, for as long as the document
    def validator(self, schema: str) -> Any:
        """A validator of a schema, given as JSON."""
        return jsonschema_rs.Draft202012Validator(json.loads(schema) | {"components": self.document["components"]})

    def check(self, operation: Document, status: int, media_type: str, body: bytes) -> None:
        """Refuse an answer that the operation does not declare."""
        name = operation["operationId"]
        answers = operation["responses"]
        assert str(status) in answers, f"{name} answers {status}, which it does not declare: {body[:300]!r}"
        declared = answers[str(status)].get("content", {}).get(media_type)
        if media_type == MEDIA_TYPE:
            code = json.loads(body)["code"]
            assert code in declared["examples"], f"{name} answers {status} {code}, which it does not declare"
        elif media_type == "application/json" and body:
            errors = list(self.validator(json.dumps(declared["schema"])).iter_errors(json.loads(body)))
            assert not errors, f"{name}: {errors[0].message} at {errors[0].instance_path}"


class Declared:
    """Wraps the application behind its edge."""

    def __init__(self, app: ASGIApp, document: Document) -> None:
        self.app, self.declarations = app, declarations(document)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = bytearray()

        async def send_watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            body.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, send_watched)
        operation = self.declarations.operation(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if operation and start["status"] != 500:  # a bug, of which nothing is promised
            headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
            media_type = headers.get("content-type", "").partition(";")[0]
            content = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else bytes(body)
            self.declarations.check(operation, start["status"], media_type, content)


KNOWN: dict[int, Declarations] = {}


def declarations(document: Document) -> Declarations:
    """The declarations of a document; kept, since each test builds its client anew."""
    return KNOWN.setdefault(id(document), Declarations(document))
