"""How to call each admin operation, for the authorization matrix: one module a noun, each with its RECIPES.

An operation without a recipe fails the matrix. To add one, say how to make its thing in a branch (`make`), what body is
good for it, and which branches' permissions it needs; the matrix does the rest.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import Runtime
from models.branches import Branch
from tests.factories.world import World

OWN = "kz.at.maqat2"
"""A district of which another one's path, kz.at.maqat, is a look-alike prefix."""
PRIMARY = "kz.at.maqat2.p1"
OTHER_PRIMARY = "kz.at.inder.p1"


@dataclass(frozen=True)
class Ground:
    """What recipes work with."""

    session: AsyncSession
    runtime: Runtime
    world: World

    def branch(self, path: str) -> Branch:
        """A branch of the world."""
        return self.world.branches[path]

    def branch_id(self, path: str) -> str:
        """The id of a branch, as JSON has it."""
        return str(self.world.branches[path].id)


Maker = Callable[[Ground, Branch], Awaitable[object]]
"""Makes a thing in a branch, whatever the branch's level; what stands for it in the path, several parts as a tuple."""


@dataclass(frozen=True)
class Recipe:
    """How to call one operation.

    Attributes:
        make: see Maker.
        body: the JSON body, good for the thing that `make` made.
        paths: the branches in which the caller needs the permission, in the order in which they are looked at; the
            thing is made in the first.
        listed: the operation gives a list; a thing is made in every branch and the caller must see only the own ones.
        key: the field of an item that tells which thing it is.
        version: what If-Match says, where the operation wants it.
        people_only: programs are refused whatever their scopes.
    """

    make: Maker | None = None
    body: Callable[[Ground], dict[str, Any]] | None = None
    paths: tuple[str, ...] = (OWN,)
    listed: bool = False
    key: str = "id"
    version: int = 1
    people_only: bool = False


def all_recipes() -> dict[str, Recipe]:
    """Recipes by operationId."""
    found: dict[str, Recipe] = {}
    for module in iter_modules(__path__):
        found |= import_module(f"{__name__}.{module.name}").RECIPES
    return found
