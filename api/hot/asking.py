"""A request as the hot lane sees it."""

import re
from dataclasses import dataclass, field
from typing import Final

from api.edge import Message, Receive, Scope
from models.base import Language
from services.actors import Actor

LONGEST_BODY: Final = 64 * 1024
CURSOR: Final = re.compile(r"[A-Za-z0-9_-]{1,500}")
LIMIT: Final = re.compile(r"[1-9]\d?|100")
DEFAULT_LIMIT: Final = 20


class UnusualError(Exception):
    """Not the ordinary case: the plain lane's business."""


@dataclass(slots=True)
class Asked:
    """What is asked, by whom. `seen` holds what was read of the body, for the plain lane to read again."""

    scope: Scope
    headers: dict[bytes, bytes]
    actor: Actor
    language: Language
    receive: Receive
    seen: list[Message] = field(default_factory=list)

    def refuse_query(self) -> None:
        """Nothing may stand behind the question mark.

        Raises:
            UnusualError: something does.
        """
        if self.scope["query_string"]:
            raise UnusualError

    def page(self) -> tuple[str | None, int]:
        """Cursor and limit.

        Raises:
            UnusualError: there is something else, or something twice, or not as it should be.
        """
        query: bytes = self.scope["query_string"]
        if not query:
            return None, DEFAULT_LIMIT
        pairs = [part.partition("=")[::2] for part in query.decode("latin-1").split("&")]
        given = dict(pairs)
        cursor, limit = given.pop("cursor", None), given.pop("limit", str(DEFAULT_LIMIT))
        if given or len(pairs) > 2 or not LIMIT.fullmatch(limit) or (cursor and not CURSOR.fullmatch(cursor)):
            raise UnusualError
        return cursor, int(limit)

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            UnusualError: it is long, or the client has gone.
        """
        read = bytearray()
        while True:
            message = await self.receive()
            self.seen.append(message)
            read += message.get("body", b"")
            if message["type"] != "http.request" or len(read) > LONGEST_BODY:
                raise UnusualError
            if not message.get("more_body"):
                return bytes(read)

    async def receive_again(self) -> Message:
        """What was read already, then the rest."""
        return self.seen.pop(0) if self.seen else await self.receive()
