"""The OpenAPI document: what it promises in general, for every operation. Redocly CLI (`make lint`) holds the rest."""

import re
from dataclasses import fields
from typing import Any

import jsonschema_rs
import pytest

from api.app import create_app
from api.errors import MEDIA_TYPE, STATUS_OF_KIND, error_codes, refusals_of
from api.openapi import CODES_OF_DEPENDENCY, FILE, METHODS, declared_codes, operations, render
from api.settings import Environment, Settings
from models.push import Cause
from push.sender import Payload
from services.errors import DomainError

APP = create_app(Settings(environment=Environment.test))
DOCUMENT = APP.openapi()
VERBS = {
    "accept", "activate", "add", "answer", "ask", "assign", "cancel", "claim", "close", "commit", "confirm", "create",
    "decide", "delete", "duplicate", "end", "export", "extend", "file", "forward", "get", "give", "grant", "import",
    "invite", "issue", "leave", "list", "mark", "match", "pause", "preview", "publish", "put", "read", "refresh",
    "register", "reject", "remove", "reopen", "request", "resume", "retire", "reverse", "revoke", "schedule", "search",
    "send", "start", "track", "transfer", "update", "upload", "verify", "withdraw",
}  # fmt: skip
OPERATIONS = {
    operation["operationId"]: (path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}
each_operation = pytest.mark.parametrize(("path", "operation"), OPERATIONS.values(), ids=OPERATIONS)


def json_media(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The JSON body and the good JSON answers of an operation."""
    parts = [operation.get("requestBody", {})]
    parts += [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    return [part["content"]["application/json"] for part in parts if "application/json" in part.get("content", {})]


def test_the_committed_document_is_that_of_the_code() -> None:
    assert FILE.read_text() == render(APP), "the API has changed: run `make openapi`, read the difference, commit it"


def test_operations_are_called_verb_noun_each_by_its_own_name() -> None:
    assert len(OPERATIONS) == sum(len(METHODS & item.keys()) for item in DOCUMENT["paths"].values())
    for name in OPERATIONS:
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name)
        assert name.split("_")[0] in VERBS, name


@each_operation
def test_audience_and_sign_in_agree(path: str, operation: dict[str, Any]) -> None:
    (tag,) = operation["tags"]
    assert (tag == "admin") == path.startswith("/v1/admin")
    assert (tag == "public") == (operation["security"] == [])
    assert tag in {known["name"] for known in DOCUMENT["tags"]}


@each_operation
def test_operation_says_what_it_does(path: str, operation: dict[str, Any]) -> None:
    assert 3 < len(operation["summary"]) <= 60
    assert not operation["summary"].endswith(".")
    assert len(operation["description"]) > 10


@each_operation
def test_every_error_is_a_problem_with_its_codes(path: str, operation: dict[str, Any]) -> None:
    errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    assert "422" in errors
    for status, answer in errors.items():
        assert list(answer["content"]) == [MEDIA_TYPE]
        for code in answer["content"][MEDIA_TYPE]["examples"]:
            assert error_codes()[code] == int(status)


@each_operation
def test_bodies_and_answers_have_an_example_that_fits(path: str, operation: dict[str, Any]) -> None:
    for media in json_media(operation):
        given = [example["value"] for example in media.get("examples", {}).values()] + [media.get("example")]
        fits = jsonschema_rs.Draft202012Validator(media["schema"] | {"components": DOCUMENT["components"]})
        for example in [value for value in given if value is not None] or [None]:
            assert fits.is_valid(example), f"give the fields examples: {example}"


def test_every_code_is_listed_with_its_meaning() -> None:
    for code in error_codes():
        assert re.search(rf"^\| `{code}` \| \d{{3}} \| .+ \|$", DOCUMENT["info"]["description"], re.M)


def test_schemas_have_names_of_their_own() -> None:
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name], "two classes share a name"


def test_every_refusal_of_a_service_is_declared_by_an_operation() -> None:
    general = {kind.code for kind in STATUS_OF_KIND}.union(*CODES_OF_DEPENDENCY.values())
    special = {kind.code for kind in refusals_of(DomainError)} - general
    declared = {code for operation in operations(DOCUMENT) for code in declared_codes(operation)}
    assert not special - declared, "name the class in the operation's problems(…) or admin_operation(…)"


def test_push_payload_is_the_one_that_is_sent() -> None:
    (operation,) = (item["post"] for item in DOCUMENT["webhooks"].values())
    (media,) = json_media(operation)
    payload = DOCUMENT["components"]["schemas"][media["schema"]["$ref"].rsplit("/", 1)[-1]]
    assert set(payload["properties"]) == {field.name for field in fields(Payload)} == set(payload["required"])
    assert set(DOCUMENT["components"]["schemas"]["Cause"]["enum"]) == set(Cause)
