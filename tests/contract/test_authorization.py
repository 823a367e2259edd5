"""The authorization matrix: every admin operation × every role × every place of the role in the tree, by HTTP.

What is expected follows from services.permissions alone: outsiders get 404, insiders without the permission 403, the
others a success (each request is undone before the next). How to call an operation stands in tests/contract/recipes.
"""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel.ext.asyncio.session import AsyncSession

from api.app import create_app
from api.audiences import ANY_PERMISSION
from api.openapi import METHODS
from api.runtime import Runtime
from api.settings import Environment, Settings
from api.tokens import issue_access_token
from models.accounts import Account, AuthSession
from models.base import Language, new_id, utc_now
from models.roles import Role, RoleName
from services.permissions import ROLE_PERMISSIONS, Permission
from tests.contract.recipes import OWN, PRIMARY, Ground, Recipe, all_recipes
from tests.factories.world import LONG_AGO, SignIn, World

DOCUMENT = create_app(Settings(environment=Environment.test)).openapi()
RECIPES = all_recipes()
HOMES = ("kz", "kz.at", OWN, PRIMARY, "kz.at.maqat", "kz.at.inder")
"""Where a role is held. Seen from a thing in OWN: above, above, own, below, a look-alike prefix, a neighbour."""


@dataclass(frozen=True)
class Operation:
    """An operation of the document."""

    name: str
    method: str
    path: str
    permission: str
    versioned: bool

    @property
    def url(self) -> str:
        """The path with {} for each part that names the thing."""
        return re.sub(r"\{\w+\}", "{}", self.path)


def operations(tag: str) -> dict[str, Operation]:
    """The operations of an audience by name."""
    return {
        described["operationId"]: Operation(
            described["operationId"],
            method,
            path,
            described.get("x-permission", ""),
            any(parameter["name"] == "if-match" for parameter in described.get("parameters", ())),
        )
        for path, item in DOCUMENT["paths"].items()
        for method, described in item.items()
        if method in METHODS and described["tags"] == [tag]
    }


ADMIN = operations("admin")
each_admin_operation = pytest.mark.parametrize("operation", ADMIN.values(), ids=ADMIN)


@dataclass(frozen=True)
class Holder:
    """Somebody with a role in a branch."""

    role: RoleName
    home: str
    headers: dict[str, str]

    def covers(self, path: str) -> bool:
        """Whether the role reaches a branch."""
        return f"{path}.".startswith(f"{self.home}.")


@dataclass(frozen=True)
class Matrix:
    """One operation and what it is called about."""

    operation: Operation
    recipe: Recipe
    ground: Ground
    connection: AsyncConnection
    client: httpx.AsyncClient

    async def things(self) -> dict[str, tuple[str, ...]]:
        """What the operation is about, by branch: one thing, or for a list one in each branch."""
        made = {}
        for path in HOMES if self.recipe.listed else self.recipe.paths[:1]:
            thing = await self.recipe.make(self.ground, self.ground.branch(path)) if self.recipe.make else ""
            made[path] = tuple(map(str, thing if isinstance(thing, tuple) else (thing,)))
        await self.ground.session.commit()
        return made

    async def call(self, headers: dict[str, str], things: dict[str, tuple[str, ...]]) -> httpx.Response:
        """Call the operation; whatever it did is undone."""
        (thing, *_) = things.values()
        condition = {"if-match": f'"{self.recipe.version}"'} if self.operation.versioned else {}
        body = {"json": self.recipe.body(self.ground)} if self.recipe.body else {}
        query = {"params": {"limit": 100}} if self.recipe.listed else {}
        method, url = self.operation.method, self.operation.url.format(*thing)
        async with undone(self.connection):
            return await self.client.request(method, url, headers=headers | condition, **body, **query)

    def expected(self, held: Iterable[Permission], holder: Holder) -> int:
        """What services.permissions makes of a holder of `held`; 200 stands for any success."""
        permitted = self.operation.permission == ANY_PERMISSION or self.operation.permission in held
        if self.recipe.listed or self.operation.permission == ANY_PERMISSION:
            return 200 if permitted else 403
        for path in self.recipe.paths:
            if not holder.covers(path):
                return 404
            if not permitted:
                return 403
        return 200


@asynccontextmanager
async def undone(connection: AsyncConnection) -> AsyncIterator[None]:
    """A block whose writes are taken back."""
    savepoint = await connection.begin_nested()
    try:
        yield
    finally:
        await savepoint.rollback()


@pytest.fixture
def ground(session: AsyncSession, runtime: Runtime, world: World) -> Ground:
    """What recipes work with."""
    return Ground(session, runtime, world)


@pytest.fixture
def matrix(operation: Operation, ground: Ground, connection: AsyncConnection, client: httpx.AsyncClient) -> Matrix:
    """The operation of the test with its recipe; without one, the test fails."""
    return Matrix(operation, RECIPES[operation.name], ground, connection, client)


async def make_holders(ground: Ground) -> list[Holder]:
    """Every role in every place, each held by somebody with a raised session."""
    now, holders, rows = utc_now(), [], []
    for role, home in product(RoleName, HOMES):
        account, session_id = Account(language=Language.kk, created_at=LONG_AGO), new_id()
        rows += [
            account,
            Role(account_id=account.id, branch_id=ground.branch(home).id, name=role, granted_at=LONG_AGO),
            AuthSession(
                id=session_id,
                account_id=account.id,
                installation_id=uuid4(),
                created_at=now,
                last_seen_at=now,
                second_factor_at=now,
            ),
        ]
        token = issue_access_token(
            ground.runtime.keys, account_id=account.id, session_id=session_id, lifetime=timedelta(minutes=10), now=now
        )
        holders.append(Holder(role, home, {"authorization": f"Bearer {token}"}))
    for kind in (Account, Role, AuthSession):
        ground.session.add_all(row for row in rows if isinstance(row, kind))
        await ground.session.flush()
    await ground.session.commit()
    return holders


def status_of(answer: httpx.Response) -> int:
    """The status, with 200 for any success. A refusal for want of permission says so by its code."""
    if answer.status_code == 403:
        assert answer.json()["code"] == "forbidden", answer.text
    return 200 if answer.is_success else answer.status_code


def test_every_admin_operation_has_a_recipe_and_every_recipe_an_operation() -> None:
    assert RECIPES.keys() == ADMIN.keys()


def test_every_permission_is_held_by_some_role() -> None:
    assert set(Permission) == frozenset().union(*ROLE_PERMISSIONS.values())


@each_admin_operation
async def test_a_role_reaches_as_far_as_its_branch_and_its_permissions(matrix: Matrix) -> None:
    things = await matrix.things()
    wrong = []
    for holder in await make_holders(matrix.ground):
        answer = await matrix.call(holder.headers, things)
        expected = matrix.expected(ROLE_PERMISSIONS[holder.role], holder)
        if status_of(answer) != expected:
            wrong.append(f"{holder.role} in {holder.home}: {answer.status_code}, not {expected}: {answer.text[:200]}")
        elif expected == 200 and matrix.recipe.listed:
            shown = {(str(item[matrix.recipe.key]),) for item in answer.json()["items"]}
            own = {thing for path, thing in things.items() if holder.covers(path)}
            if shown & set(things.values()) != own:
                wrong.append(f"{holder.role} in {holder.home} is shown {len(shown)} things, not the own {len(own)}")
    assert not wrong, "\n".join(wrong)


@each_admin_operation
async def test_a_program_reaches_as_far_as_its_branch_and_its_scope(matrix: Matrix, sign_in: SignIn) -> None:
    things = await matrix.things()
    wanted = matrix.operation.permission
    others = [scope for scope in Permission if scope != wanted]
    scope = [] if wanted == ANY_PERMISSION else [wanted]
    for home in HOMES:
        for scopes in (scope, others):
            holder = Holder(RoleName.branch_admin, home, await sign_in.program(matrix.ground.branch(home), *scopes))
            expected = matrix.expected([Permission(name) for name in scopes], holder)
            answer = await matrix.call(holder.headers, things)
            assert status_of(answer) == (403 if matrix.recipe.people_only else expected), (home, scopes, answer.text)


@each_admin_operation
async def test_strangers_and_the_unraised_are_refused(matrix: Matrix, sign_in: SignIn) -> None:
    things = await matrix.things()
    anonymous = await matrix.call({}, things)
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "unauthenticated")
    member = await matrix.call(await sign_in(matrix.ground.world.people["Aigul"].account_id, raised=True), things)
    assert (member.status_code, member.json()["code"]) == (403, "forbidden")
    wanted = matrix.operation.permission
    role = next(role for role, held in ROLE_PERMISSIONS.items() if wanted in held | {ANY_PERMISSION})
    unraised = await matrix.call(await sign_in.admin(matrix.ground.branch("kz"), role, raised=False), things)
    if wanted == ANY_PERMISSION:
        assert unraised.status_code == 200
    else:
        assert (unraised.status_code, unraised.json()["code"]) == (403, "second_factor_required")
