"""Sending one-time codes, and clearing away what sign-in no longer needs."""

import asyncio
from typing import Final
from uuid import UUID

import structlog
from procrastinate import RetryStrategy

from api.i18n import say
from api.jobs.registry import job
from api.runtime import Runtime
from models.base import utc_now
from services.sign_in import clean_up, codes

RETRY: Final = RetryStrategy(max_attempts=4, exponential_wait=3)
GATEWAY_TIMEOUT_S: Final = 20

log = structlog.get_logger("unqatu.sign_in")


class CodeNotSentError(Exception):
    """The gateway did not take the code; the job is tried again."""


@job(codes.SEND_JOB, retry=RETRY)
async def send_code(runtime: Runtime, *, challenge_id: str) -> None:
    """Send the code of a challenge. The queue holds the challenge's id alone: no code, no phone."""
    async with runtime.sessions() as session, session.begin():
        delivery = await codes.read_delivery(session, runtime.keys, UUID(challenge_id), now=utc_now())
    if delivery is None:
        return
    text = say("sms.code", delivery.language, code=delivery.code)
    if not await is_sent(runtime, delivery.phone, text):
        raise CodeNotSentError


async def is_sent(runtime: Runtime, phone: str, text: str) -> bool:
    """Whether the gateway took the text. Its exceptions end here: their messages may quote phone and code."""
    try:
        async with asyncio.timeout(GATEWAY_TIMEOUT_S):
            await runtime.sms.send(phone, text)
    except Exception as error:
        log.warning("code not sent", error=type(error).__qualname__)
        return False
    return True


@job("sign_in.clean_up", cron="17 * * * *")
async def clean_up_sign_in(runtime: Runtime) -> None:
    """Delete what is over."""
    async with runtime.sessions() as session, session.begin():
        deleted = await clean_up.delete_outdated(session, now=utc_now())
    log.info("sign-in cleaned up", **deleted)
