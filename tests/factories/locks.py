"""Races that are made to happen: one side waits in the database until the other is done."""

import asyncio

import psycopg
import pytest


def count(url: str, statement: str) -> int:
    """A number from the database, past every role."""
    with psycopg.connect(url) as owner:
        row = owner.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


async def waiting_for_lock(url: str) -> None:
    """Until somebody waits in the database."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(1_000):
        if await asyncio.to_thread(count, url, waiting):
            return
        await asyncio.sleep(0.01)
    pytest.fail("nobody waits")
