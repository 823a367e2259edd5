"""Writing the OpenAPI document."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from api.app import create_app
from api.openapi import FILE, write
from api.settings import Environment, Settings


def openapi(*, to: Annotated[Path, Parameter(help="The file to write.")] = FILE) -> None:
    """Write the OpenAPI document of this code."""
    write(create_app(Settings(environment=Environment.test)), to)
