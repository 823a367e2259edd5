"""The loop that chains the audit. Every worker runs it; the database lets one seal at a time.

A loop and not a job: a job row a second would write more than most audits hold.
"""

import asyncio
from typing import Final

import structlog

from api.runtime import Runtime
from models.base import utc_now
from services.audit_chain import seal_events
from services.keyring import load_audit_keys

PAUSE_S: Final = 1.0
PAUSE_AFTER_FAILURE_S: Final = 10.0

log = structlog.get_logger("unqatu.sealer")


async def keep_sealing(runtime: Runtime) -> None:
    """Seal once a second until cancelled; a lost database is waited for."""
    keys = load_audit_keys(runtime.settings.keys)
    while True:
        try:
            async with runtime.sessions() as session, session.begin():
                await seal_events(session, keys, now=utc_now())
        except Exception as error:  # whatever broke once must not leave the audit unsealed for good
            log.warning("sealing failed", error=type(error).__qualname__)
            await asyncio.sleep(PAUSE_AFTER_FAILURE_S)
        await asyncio.sleep(PAUSE_S)
