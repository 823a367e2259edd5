"""Whatever a client may send is bounded: text is safe text, numbers fit their columns, lists end."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError

from api.app import create_app
from api.settings import Environment, Settings
from api.types import In

DOCUMENT = create_app(Settings(environment=Environment.test)).openapi()
UNBOUNDED_TEXT = "Қ" * 100_000


def subclasses(kind: type) -> Iterator[type]:
    """All classes below `kind`."""
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def refuses(kind: Any, value: str) -> bool:
    """Whether a type refuses a value."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return True
    return False


BODIES = sorted({kind for kind in subclasses(In) if kind.__module__.startswith("api.")}, key=lambda kind: str(kind))


def text_leaves(kind: Any) -> Iterator[Any]:
    """The types inside an annotation that take text, each with its constraints."""
    if kind is str:
        yield kind
    elif get_origin(kind) is Annotated:
        inner, *constraints = get_args(kind)
        yield from (Annotated[leaf, *constraints] for leaf in text_leaves(inner))
    elif get_origin(kind) in {Union, types.UnionType, list, dict, tuple, set, frozenset}:
        for part in get_args(kind):
            yield from text_leaves(part)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{body.__module__}.{body.__name__}")
@pytest.mark.parametrize("text", ["nul \0 in text", "lone \ud800 surrogate", UNBOUNDED_TEXT], ids=ascii)
def test_text_in_bodies_is_safe_text(body: type[In], text: str) -> None:
    for name, field in body.model_fields.items():
        annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        for leaf in text_leaves(annotation):
            assert refuses(leaf, text), f"{name} takes unsafe text: use a type of api.types"


def schemas_sent() -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, schema) of each parameter, and of each body with what it refers to."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            place = f"{method} {path}"
            for parameter in operation.get("parameters", ()):
                if parameter["name"] != "accept-language":  # never refused: what is too long to read counts as absent
                    yield f"{place} {parameter['name']}", parameter["schema"]
            for media in operation.get("requestBody", {}).get("content", {}).values():
                yield place, media["schema"]


def parts(place: str, schema: dict[str, Any], seen: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all below it, references followed once."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        if name not in seen:
            seen.add(name)
            yield from parts(name, DOCUMENT["components"]["schemas"][name], seen)
        return
    yield place, schema
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for child in schema.get(key, ()):
            yield from parts(place, child, seen)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from parts(f"{place}[]", schema[key], seen)
    for name, child in schema.get("properties", {}).items():
        yield from parts(f"{place}.{name}", child, seen)


BOUNDS = {
    "string": {"maxLength", "pattern", "format", "enum", "const", "contentMediaType"},
    "integer": {"maximum", "enum", "const"},
    "number": {"maximum"},
    "array": {"maxItems"},
}


def test_every_value_sent_has_a_bound() -> None:
    seen: set[str] = set()
    unbounded = [
        f"{place}: {schema}"
        for start, sent in schemas_sent()
        for place, schema in parts(start, sent, seen)
        if schema.get("type") in BOUNDS and not BOUNDS[schema["type"]] & schema.keys()
    ]
    assert not unbounded, "\n".join(unbounded)


def test_objects_sent_take_no_unknown_field() -> None:
    seen: set[str] = set()
    open_objects = [
        place
        for start, sent in schemas_sent()
        for place, schema in parts(start, sent, seen)
        if schema.get("type") == "object" and "properties" in schema and schema.get("additionalProperties") is not False
    ]
    assert not open_objects, "\n".join(open_objects)
