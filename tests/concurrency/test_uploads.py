"""The limit of waiting uploads holds for those who send side by side."""

import asyncio

import pytest

from api.runtime import APP_ROLE
from models.accounts import Account
from models.base import Language, utc_now
from models.db import create_engine, session_factory
from models.uploads import Upload
from services.actors import Actor
from services.uploads import MAX_UNATTACHED, TooManyUploadsError, begin_upload
from tests.factories.locks import count, waiting_for_lock
from tests.factories.world import LONG_AGO


async def test_uploads_begun_side_by_side_count_each_other(cloned_database: str) -> None:
    engine = create_engine(cloned_database, APP_ROLE, pool_size=2)
    sessions = session_factory(engine)
    async with sessions() as session, session.begin():
        account = Account(language=Language.kk, created_at=LONG_AGO)
        session.add(account)
        await session.flush()
        session.add_all(Upload(account_id=account.id, created_at=utc_now()) for _ in range(MAX_UNATTACHED - 1))
    actor = Actor(account.id)

    async def begin() -> None:
        async with sessions() as session, session.begin():
            await begin_upload(session, actor, now=utc_now())

    async with sessions() as session, session.begin():
        await begin_upload(session, actor, now=utc_now())
        second = asyncio.create_task(begin())
        await waiting_for_lock(cloned_database)
    with pytest.raises(TooManyUploadsError):
        await second
    await engine.dispose()
    assert count(cloned_database, "SELECT count(*) FROM upload") == MAX_UNATTACHED
