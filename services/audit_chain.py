"""The chain over the audit: sealing what is committed, and finding what was tampered with.

Link n of the chain holds SHA-256(digest of link n-1 ‖ canonical event); before the first stand 32 zero bytes. The
canonical event is JSON in UTF-8 with sorted keys, without spaces, of the columns in `CANONICAL`; times are UTC with six
digits of the second, ids in lower case. The end of the chain is signed with Ed25519 over `head_message`. With this, and
the public key, a stranger can recompute the chain from a dump of the three tables.

Events are sealed about a second after their commit, not inside their transaction: a chain under a lock there allows 46
writes a second and deadlocks.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.audit import AuditHead, AuditLink
from models.db import execute
from services.keyring import AuditKeys

GENESIS: Final = bytes(32)
SEAL_AT_ONCE: Final = 5_000
UNSEALED_TOO_LONG: Final = timedelta(minutes=5)
CANONICAL: Final = (
    "id",
    "transaction",
    "at",
    "action",
    "account_id",
    "service_token_id",
    "branch_id",
    "object_kind",
    "object_id",
    "request_id",
    "detail",
)

ONE_SEALER: Final = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended('audit_chain', 0))")

COLUMNS: Final = "e.id, e.transaction::text::bigint AS transaction, e.at, e.action, e.account_id, e.service_token_id, "
COLUMNS_TOO: Final = "e.branch_id, e.object_kind, e.object_id, e.request_id, e.detail"

# Whoever is below the oldest running transaction has ended, so nothing can come before it any more. A transaction at or
# above xmax cannot have begun on this server: it is visible, so it came with a dump from another one.
# The floor keeps the search short: no transaction of ours lives an hour.
UNSEALED: Final = sa.text(f"""
    SELECT {COLUMNS} {COLUMNS_TOO}
      FROM audit_event e
     WHERE e.at > COALESCE(
               (SELECT last.at FROM audit_link l JOIN audit_event last ON last.id = l.event_id
                 ORDER BY l.position DESC LIMIT 1) - interval '1 hour', '-infinity')
       AND NOT EXISTS (SELECT FROM audit_link l WHERE l.event_id = e.id)
       AND (e.transaction < pg_snapshot_xmin(pg_current_snapshot())
            OR e.transaction >= pg_snapshot_xmax(pg_current_snapshot()))
     ORDER BY e.transaction, e.id LIMIT :at_once
""")  # noqa: S608  # put together from the constants above

CHAIN: Final = sa.text(f"""
    SELECT l.position, l.digest, l.event_id, {COLUMNS} {COLUMNS_TOO}
      FROM audit_link l LEFT JOIN audit_event e ON e.id = l.event_id ORDER BY l.position
""")  # noqa: S608  # put together from the constants above

FORGOTTEN: Final = sa.text("""
    SELECT e.id FROM audit_event e
     WHERE e.at < :before AND NOT EXISTS (SELECT FROM audit_link l WHERE l.event_id = e.id) ORDER BY e.at LIMIT 100
""")


@dataclass(frozen=True)
class Anchor:
    """The end of the chain as somebody outside keeps it."""

    position: int
    digest: bytes


def canonical(event: Mapping[str, Any]) -> bytes:
    """An event as the chain sees it; see the module's docstring."""
    values = {name: event[name] for name in CANONICAL}
    values["at"] = values["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def link_digest(previous: bytes, event: Mapping[str, Any]) -> bytes:
    """The digest of the link that follows `previous`."""
    return sha256(previous + canonical(event)).digest()


def head_message(anchor: Anchor) -> bytes:
    """What is signed: a name, the position as 8 bytes big-endian, the digest."""
    return b"unqatu audit head" + anchor.position.to_bytes(8, "big") + anchor.digest


async def seal_events(session: AsyncSession, keys: AuditKeys, *, now: datetime) -> int:
    """Chain and sign what was committed since the last time; how many events that were.

    One sealer works at a time, in any process; the others find nothing to do.
    """
    if not (await execute(session, ONE_SEALER)).scalar_one():
        return 0
    end = await read_head(session) or Anchor(0, GENESIS)
    events = [dict(row) for row in (await execute(session, UNSEALED, at_once=SEAL_AT_ONCE)).mappings()]
    if not events:
        return 0
    links = []
    for event in events:
        end = Anchor(end.position + 1, link_digest(end.digest, event))
        links.append({"position": end.position, "event_id": event["id"], "digest": end.digest})
    await session.exec(sa.insert(AuditLink), params=links)
    key_id = max(keys)
    signature = keys[key_id].sign(head_message(end))
    session.add(AuditHead(position=end.position, digest=end.digest, signed_at=now, key_id=key_id, signature=signature))
    await session.flush()
    return len(links)


async def read_head(session: AsyncSession) -> Anchor | None:
    """The end of the chain, to be kept elsewhere as an anchor; None while nothing is sealed."""
    last = select(AuditLink.position, AuditLink.digest).order_by(col(AuditLink.position).desc()).limit(1)
    found = (await session.exec(last)).one_or_none()
    return Anchor(found[0], found[1]) if found else None


async def verify_chain(
    session: AsyncSession, keys: AuditKeys, *, anchor: Anchor | None, now: datetime
) -> AsyncIterator[str]:
    """What is wrong with the audit, a sentence each; nothing when it is whole.

    A cut that takes the newest events with their links and heads shows only against an `anchor` kept elsewhere.
    """
    heads = {head.position: head for head in (await session.exec(select(AuditHead))).all()}
    public = {key_id: key.public_key() for key_id, key in keys.items()}
    previous, position = GENESIS, 0
    connection = await session.connection()
    async with connection.stream(CHAIN) as links:
        async for row in links.mappings():
            link = dict(row)
            if link["position"] != position + 1:
                yield f"links {position + 1} to {link['position'] - 1} are missing"
            elif link["id"] is None:
                yield f"event {link['event_id']} at position {link['position']} was deleted"
            elif link_digest(previous, link) != link["digest"]:
                yield f"event {link['event_id']} at position {link['position']} was changed or moved"
            previous, position = bytes(link["digest"]), link["position"]
            for problem in check_end(Anchor(position, previous), heads.pop(position, None), anchor, public):
                yield problem
    for problem in check_rest(position, list(heads), anchor):
        yield problem
    for event_id in (await execute(session, FORGOTTEN, before=now - UNSEALED_TOO_LONG)).scalars():
        yield f"event {event_id} was never sealed"


def check_end(
    link: Anchor, head: AuditHead | None, anchor: Anchor | None, keys: Mapping[str, Ed25519PublicKey]
) -> list[str]:
    """What a signed head and the anchor say of the link at their position."""
    problems = []
    if head is not None and not is_signed(link, head, keys):
        problems.append(f"the head at position {link.position} does not fit the chain or its signature")
    if anchor is not None and anchor.position == link.position and anchor.digest != link.digest:
        problems.append(f"the chain at position {link.position} differs from the anchor")
    return problems


def is_signed(link: Anchor, head: AuditHead, keys: Mapping[str, Ed25519PublicKey]) -> bool:
    """Whether a head is ours and of this link."""
    try:
        keys[head.key_id].verify(head.signature, head_message(link))
    except (KeyError, InvalidSignature):
        return False
    return head.digest == link.digest


def check_rest(end: int, heads_left: list[int], anchor: Anchor | None) -> list[str]:
    """Whether the chain goes as far as its heads and the anchor say."""
    known = max([*heads_left, anchor.position if anchor else 0])
    if known <= end:
        return [f"the link of the head at position {position} is missing" for position in heads_left]
    return [f"the chain was cut: it ends at position {end}, but position {known} was signed or anchored"]
