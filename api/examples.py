"""Examples for the OpenAPI document, made from the schemas: the author's where a field has one, else plausible ones."""

from typing import Any, Final

Schema = dict[str, Any]

BY_FORMAT: Final = {
    "uuid": "01990c5e-4b7a-7c31-9d52-0a6f1f7c2b11",
    "date-time": "2026-11-20T09:30:00Z",
    "date": "2026-11-20",
    "uri": "https://example.org/",
    "binary": "",
}
BY_NAME: Final = {
    "kk": "Ауылға жаңа жол салынды",
    "ru": "В ауле построена новая дорога",
    "en": "A new road was built in the village",
    "family_name": "Серікова",
    "given_name": "Айгүл",
    "patronymic": "Маратқызы",
    "phone": "+77011234567",
}
TRANSLATED: Final = {"kk": BY_NAME["kk"], "ru": BY_NAME["ru"]}
TEXT: Final = "Мысал"


def example_of(schema: Schema, schemas: Schema, name: str = "") -> Any:
    """A value that fits a schema.

    Args:
        schema: JSON Schema, as pydantic writes it.
        schemas: what its references name.
        name: of the field, which tells what a text is about.
    """
    given = given_example(schema)
    if given is not None:
        return given
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas, name)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example_of(schema[key][0], schemas, name)
    if schema.get("type") == "object":
        return example_object(schema, schemas)
    if schema.get("type") == "array":
        return [example_of(schema.get("items", {}), schemas, name)]
    return example_scalar(schema, name)


def given_example(schema: Schema) -> Any:
    """What the schema itself offers."""
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    return next((schema[key] for key in ("example", "const", "default") if schema.get(key) is not None), None)


def example_object(schema: Schema, schemas: Schema) -> Schema:
    """All fields of an object; a free mapping of texts is a translation."""
    if "properties" in schema:
        return {name: example_of(field, schemas, name) for name, field in schema["properties"].items()}
    if schema.get("additionalProperties") == {"type": "string"}:
        return dict(TRANSLATED)
    return {}


def example_scalar(schema: Schema, name: str) -> Any:
    """A text, a number, a truth, or nothing."""
    match schema.get("type"):
        case "string":
            return BY_FORMAT.get(schema.get("format", "")) or BY_NAME.get(name, TEXT)
        case "integer" | "number":
            return schema.get("minimum", 1) if schema.get("minimum", 1) > 0 else 1
        case "boolean":
            return True
        case _:
            return None
