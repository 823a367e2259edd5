"""The Idempotency-Key header of writes from phones."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from api.deps import CurrentActor, Now, Session
from api.types import Key, Out
from services import idempotency
from services.actors import Actor

Answer = TypeVar("Answer", bound=Out)


class RepeatedWrite(Exception):  # not an error: the answer to a retry
    """Ends a request early with the answer that is stored for it."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self.status, self.body = status, body


async def on_repeated_write(request: Request, repeated: Exception) -> Response:
    """Send the stored answer again, byte for byte."""
    if not isinstance(repeated, RepeatedWrite):
        raise repeated
    return Response(repeated.body, repeated.status, {"idempotent-replayed": "true"}, "application/json")


@dataclass(frozen=True)
class Repeatable:
    """Lets an endpoint keep its answer; without a key it keeps nothing."""

    session: AsyncSession
    actor: Actor
    now: datetime
    key: str | None
    request_hash: bytes

    def keep(self, answer: Answer, *, status: int = 201) -> Answer:
        """Store the answer with the write itself, and hand it on."""
        if self.key is not None:
            idempotency.keep_answer(
                self.session,
                self.actor.require_account(),
                self.key,
                self.request_hash,
                status=status,
                body=answer.model_dump_json().encode(),
                now=self.now,
            )
        return answer


async def get_repeatable(
    request: Request,
    session: Session,
    actor: CurrentActor,
    now: Now,
    idempotency_key: Annotated[Key | None, Header(description="Makes a retry harmless; a UUID is right.")] = None,
) -> Repeatable:
    """Answer a retry at once, or let the write begin.

    Raises:
        RepeatedWrite: this very request was answered before.
    """
    digest = sha256(f"{request.method} {request.url.path}\n".encode() + await request.body()).digest()
    if idempotency_key is not None:
        stored = await idempotency.find_answer(session, actor.require_account(), idempotency_key, digest)
        if stored is not None:
            raise RepeatedWrite(stored.status, stored.body)
    return Repeatable(session, actor, now, idempotency_key, digest)


Idempotent = Annotated[Repeatable, Depends(get_repeatable, scope="function")]
