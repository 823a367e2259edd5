"""unqatu settings: what can be set, as the README's table."""

import json
from enum import Enum
from typing import Any

from pydantic import AliasChoices, TypeAdapter
from pydantic.fields import FieldInfo

from api.settings import Settings

HEAD = "| variable | default | what it does |\n|---|---|---|"


def settings() -> str:
    """Print a table of all settings: their environment variables, defaults and meanings."""
    return "\n".join([HEAD, *(row(name, field) for name, field in Settings.model_fields.items())])


def row(name: str, field: FieldInfo) -> str:
    """One setting."""
    return f"| `{variable(name, field)}` | {default(field.default)} | {field.description} |"


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    if isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[-1])
    return f"UNQATU_{name.upper()}"


def default(value: Any) -> str:
    """A default as one would write it in the environment."""
    if value is None:
        return "–"
    plain = value.value if isinstance(value, Enum) else TypeAdapter(type(value)).dump_python(value, mode="json")
    return f"`{json.dumps(plain) if isinstance(plain, bool | list) else plain}`"
