"""One branch a code, whoever races, on real connections that commit."""

import asyncio
from collections import Counter

from api.runtime import APP_ROLE
from models.base import utc_now
from models.db import create_engine, session_factory
from services.actors import Actor, Grant
from services.branches import create_branch
from services.errors import DomainError
from services.permissions import Permission
from tests.factories.world import make_branches

PARALLEL = 6


async def test_code_is_given_once_beside_its_siblings(cloned_database: str) -> None:
    engine = create_engine(cloned_database, APP_ROLE, pool_size=PARALLEL)
    sessions = session_factory(engine)
    async with sessions() as session:
        parent = (await make_branches(session)).branches["kz.at.inder"]
        await session.commit()
    grant = Grant(branch_id=parent.id, path=parent.path, permissions=frozenset({Permission.branches_write}))
    actor = Actor(account_id=None, grants=(grant,), raised=True)

    async def create() -> str:
        try:
            async with sessions() as session, session.begin():
                await create_branch(
                    session, actor, parent_id=parent.id, code="p7", name={"kk": "Жаңа"}, region_code=None, now=utc_now()
                )
        except DomainError as error:
            return error.code
        return "done"

    outcomes = Counter(await asyncio.gather(*[create() for _ in range(PARALLEL)]))
    await engine.dispose()
    assert outcomes == {"done": 1, "branch_exists": PARALLEL - 1}
