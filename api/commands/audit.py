"""unqatu admin audit …: whether anybody tampered with the audit."""

import asyncio
import sys
from binascii import Error as HexError
from typing import Annotated

from cyclopts import App, Parameter

from api.runtime import WORKER_ROLE, running
from api.settings import Settings
from models.base import utc_now
from services import audit_chain
from services.audit_chain import Anchor
from services.keyring import load_audit_keys

app = App(name="audit", help="The chain over what staff did.")


@app.command
def head() -> None:
    """Print the end of the chain as POSITION:DIGEST; keep it elsewhere, and a cut of the tables shows."""
    found = asyncio.run(read_head(Settings()))
    sys.stdout.write(f"{found.position}:{found.digest.hex()}\n" if found else "0:\n")


@app.command
def verify(
    *, anchor: Annotated[str | None, Parameter(help="POSITION:DIGEST as `head` printed it earlier.")] = None
) -> int:
    """Recompute the chain; name every event that was changed, deleted, moved or cut. Exit status 1 if there is one."""
    try:
        known = parse_anchor(anchor)
    except (ValueError, HexError):
        sys.stderr.write("An anchor looks like 1234:9f86d0…, as `unqatu admin audit head` prints it.\n")
        return 2
    problems = asyncio.run(find_problems(Settings(), known))
    for problem in problems:
        sys.stdout.write(problem + "\n")
    sys.stdout.write("The audit is whole.\n" if not problems else f"{len(problems)} problems.\n")
    return 1 if problems else 0


def parse_anchor(text: str | None) -> Anchor | None:
    """An anchor from its printed form."""
    if text is None:
        return None
    position, _, digest = text.partition(":")
    return Anchor(int(position), bytes.fromhex(digest))


async def read_head(settings: Settings) -> Anchor | None:
    """The end of the chain in the database of the settings."""
    async with running(settings, role=WORKER_ROLE) as runtime, runtime.sessions() as session:
        return await audit_chain.read_head(session)


async def find_problems(settings: Settings, anchor: Anchor | None) -> list[str]:
    """What `verify` has to say."""
    keys = load_audit_keys(settings.keys)
    async with running(settings, role=WORKER_ROLE) as runtime, runtime.sessions() as session:
        found = audit_chain.verify_chain(session, keys, anchor=anchor, now=utc_now())
        return [problem async for problem in found]
