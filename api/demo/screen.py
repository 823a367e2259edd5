"""What the demo tells: where it runs, who there is, and how to get in."""

import shlex
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console

from api.tokens import SERVICE_TOKEN_MARK, issue_access_token
from services.demo.access import Access, WayIn
from services.keyring import Keyring, write_secret

VARIABLES = {
    "member": "MEMBER",
    "primary chair": "CHAIR",
    "district admin": "DISTRICT_ADMIN",
    "head-office admin": "HEAD_OFFICE_ADMIN",
}
PROGRAM_VARIABLE = "SERVICE_TOKEN"


def credentials(url: str, access: Access, keys: Keyring, *, lifetime: timedelta, now: datetime) -> dict[str, str]:
    """The shell variables of the tour: the address and a token for each way in."""

    def token(person: WayIn) -> str:
        return issue_access_token(
            keys, account_id=person.account_id, session_id=person.session_id, lifetime=lifetime, now=now
        )

    tokens = {VARIABLES[person.title]: token(person) for person in access.people}
    return {"URL": url, **tokens, PROGRAM_VARIABLE: "_".join((SERVICE_TOKEN_MARK, *access.program))}


def write_credentials(path: Path, variables: dict[str, str]) -> None:
    """Write them as a file that a shell can read, for its owner only."""
    write_secret(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items()).encode())


def show(console: Console, access: Access, variables: dict[str, str], *, file: Path, lifetime: timedelta) -> None:
    """Print the screen, unwrapped where something is to be copied."""
    hours = int(lifetime.total_seconds() // 3600)
    lines = [
        f"\n[bold]Unqatu is running.[/bold] Documentation: {variables['URL']}/docs",
        "Ctrl-C stops it. The data stay; `make demo-reset` deletes them.\n",
        *(f"{person.title:<18}{person.name:<17}{person.phone}{second_factor(person)}" for person in access.people),
        "\nTo sign in, POST /v1/auth/codes with the phone: the SMS with the code appears below, in this window.",
        "Admins then add a one-time password made from their secret: POST /v1/auth/second-factor.",
        f"\nReady access tokens, good for {hours} hours (10 minutes when it runs for real), admins' already raised:",
        *(f"\n{person.title}:\n{variables[VARIABLES[person.title]]}" for person in access.people),
        f"\nservice token of the district admin's branch:\n{variables[PROGRAM_VARIABLE]}",
        f"\nIn another terminal, `. {file}` sets {', '.join(variables)}.\n",
    ]
    console.print("\n".join(lines), soft_wrap=True, highlight=False)


def second_factor(person: WayIn) -> str:
    """What an admin types into an authenticator."""
    return f"  one-time password secret: {person.totp_secret}" if person.totp_secret else ""
