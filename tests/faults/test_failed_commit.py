"""A commit that fails is an error that the client sees, never a 201 for nothing."""

import httpx
import psycopg
import pytest

from api.app import create_app, create_edge
from api.runtime import APP_ROLE, build_runtime, close_engine, engine_of
from api.settings import Settings
from models.db import session_factory
from models.roles import RoleName
from tests.factories.world import SignIn, make_world

REFUSED_AT_COMMIT = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE check_violation; END';
    CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON branch DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.code = 'refused') EXECUTE FUNCTION refuse();
"""


@pytest.mark.parametrize(("code", "status", "stored"), [("accepted", 201, 1), ("refused", 500, 0)])
async def test_answer_waits_for_the_commit(
    settings: Settings, cloned_database: str, code: str, status: int, stored: int
) -> None:
    with psycopg.connect(cloned_database) as connection:
        connection.execute(REFUSED_AT_COMMIT)
    own = settings.model_copy(update={"database_url": cloned_database})
    engine = engine_of(own, APP_ROLE)
    runtime = build_runtime(own, session_factory(engine))
    async with runtime.sessions() as session:
        world = await make_world(session, runtime.keys)
        headers = await SignIn(session, runtime).admin(world.branches["kz"], RoleName.head_office_admin)
    body = {"parent_id": str(world.branches["kz"].id), "code": code, "name": {"kk": "Жаңа", "ru": "Новый"}}
    transport = httpx.ASGITransport(create_edge(create_app(own, runtime)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/v1/admin/branches", headers=headers, json=body)
    await close_engine(engine)
    assert answer.status_code == status
    with psycopg.connect(cloned_database) as connection:
        assert connection.execute("SELECT count(*) FROM branch WHERE code = %s", [code]).fetchone() == (stored,)
