"""Who asks, from memory: the actor behind an Authorization header."""

import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from api.hot.caches import Cache, Proof
from api.hot.connections import Connections
from api.tokens import TokenVerifier
from services.actors import Actor, read_person

BEARER: Final = b"Bearer "
REMEMBERED: Final = 50_000


class People:
    """Actors by header, with the moment (seconds since the epoch) at which the token expires."""

    def __init__(self, tokens: TokenVerifier, connections: Connections, proof: Proof, *, lifetime_s: float) -> None:
        self.tokens, self.connections = tokens, connections
        self.known: Cache[bytes, tuple[float, Actor]] = Cache(proof, capacity=REMEMBERED, lifetime_s=lifetime_s)

    def recall(self, authorization: bytes) -> Actor | None:
        """The actor, if known."""
        found = self.known.get(authorization)
        return found[1] if found is not None and time.time() < found[0] else None

    async def load(self, authorization: bytes) -> Actor:
        """The actor, from the token and the database. Roles play no part here, so the second factor does not either.

        Raises:
            UnauthenticatedError: no good token of a person.
        """
        since = time.monotonic()
        token = authorization.removeprefix(BEARER).decode("latin-1")
        claims = self.tokens.verify(token, datetime.now(UTC))
        async with self.connections() as connection:
            actor = await read_person(connection, account_id=claims.account_id, session_id=claims.session_id)
        self.known.keep(authorization, (claims.expires_at, actor), since=since)
        return actor

    def forget(self, account_id: UUID) -> None:
        """Something about the account changed."""
        self.known.drop(lambda _, value: value[1].account_id == account_id)
