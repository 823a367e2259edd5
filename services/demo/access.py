"""Ready ways in for the people whom the demo introduces, renewed at every start so that the screen never lies."""

from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg import Connection

from services.demo.fixed import demo_id
from services.demo.people import CHAIR, DISTRICT_ADMIN, HEAD_OFFICE_ADMIN, INTRODUCED, MEMBER, phone
from services.keyring import Keyring, KeyringError, fingerprint
from services.permissions import BRANCH_ADMIN

TITLES: Final = {
    MEMBER: "member",
    CHAIR: "primary chair",
    DISTRICT_ADMIN: "district admin",
    HEAD_OFFICE_ADMIN: "head-office admin",
}
ADMINS: Final = (DISTRICT_ADMIN, HEAD_OFFICE_ADMIN)
PROGRAM_BRANCH: Final = "kz.at.maqat"
PROGRAM_PREFIX: Final = "demomaqat"
PROGRAM_LIFETIME: Final = timedelta(days=365)

OPEN_SESSION: Final = """
    INSERT INTO auth_session (id, account_id, installation_id, created_at, last_seen_at, second_factor_at)
    VALUES (%(id)s, %(account_id)s, %(installation_id)s, %(now)s, %(now)s, %(raised_at)s)
    ON CONFLICT (id) DO UPDATE SET last_seen_at = %(now)s, second_factor_at = %(raised_at)s,
        revoked_at = NULL, revoked_reason = NULL
"""
SET_TOTP: Final = """
    UPDATE account SET totp_secret_encrypted = %(secret)s, totp_confirmed_at = %(now)s, encryption_key_id = %(key_id)s
     WHERE id = %(id)s AND totp_secret_encrypted IS NULL
"""
OPEN_PROGRAM: Final = """
    INSERT INTO service_token
        (id, branch_id, name, prefix, secret_hash, scopes, created_by_account_id, created_at, expires_at)
    VALUES (%(id)s, %(branch_id)s, 'demo', %(prefix)s, %(hash)s, %(scopes)s, %(creator)s, %(now)s, %(expires_at)s)
    ON CONFLICT (prefix) DO UPDATE SET expires_at = %(expires_at)s, revoked_at = NULL, scopes = %(scopes)s
"""
FIND_PHONE: Final = "SELECT phone_encrypted, encryption_key_id FROM account WHERE phone_hash = %s"


@dataclass(frozen=True)
class WayIn:
    """How one of the introduced people gets in; `totp_secret` (base32) is for admins."""

    title: str
    name: str
    phone: str
    account_id: UUID
    session_id: UUID
    totp_secret: str | None


@dataclass(frozen=True)
class Access:
    """All ways in. `program` is (prefix, secret) of the district's service token."""

    people: tuple[WayIn, ...]
    program: tuple[str, str]


class ForeignKeysError(Exception):
    """The keys are not those under which the demo's data were written."""


def renew_access(connection: Connection, keys: Keyring, *, now: datetime) -> Access:
    """Open the ready sessions (those of admins raised) and the service token, in the caller's transaction.

    Raises:
        ForeignKeysError: these are not the keys of this database.
    """
    check_keys(connection, keys)
    people = tuple(way_in(connection, keys, number, now=now) for number in TITLES)
    return Access(people, program(connection, keys, now=now))


def check_keys(connection: Connection, keys: Keyring) -> None:
    """Find and open one phone.

    Raises:
        ForeignKeysError: it does not work.
    """
    found = connection.execute(FIND_PHONE, [keys.keyed_hash(phone(MEMBER), purpose="phone")]).fetchone()
    if found is None:
        raise ForeignKeysError
    try:
        keys.decrypt(found[0], key_id=found[1], purpose="account.phone")
    except KeyringError as error:
        raise ForeignKeysError from error


def way_in(connection: Connection, keys: Keyring, number: int, *, now: datetime) -> WayIn:
    """One person's ready session and, of an admin, second factor."""
    character = INTRODUCED[number]
    admin = number in ADMINS
    made = WayIn(
        title=TITLES[number],
        name=character.name,
        phone=phone(number),
        account_id=demo_id("account", number),
        session_id=demo_id("session", number),
        totp_secret=secret_of(keys, number) if admin else None,
    )
    connection.execute(
        OPEN_SESSION,
        {
            "id": made.session_id,
            "account_id": made.account_id,
            "installation_id": demo_id("installation", number),
            "now": now,
            "raised_at": now if admin else None,
        },
    )
    if made.totp_secret is not None:
        connection.execute(
            SET_TOTP,
            {
                "id": made.account_id,
                "secret": keys.encrypt(made.totp_secret, purpose="account.totp_secret"),
                "key_id": keys.current_encryption_id,
                "now": now,
            },
        )
    return made


def secret_of(keys: Keyring, number: int) -> str:
    """The one-time password secret of a person: 160 bits, base32, the same at every start."""
    return b32encode(keys.keyed_hash(str(number), purpose="demo.totp")[:20]).decode()


def program(connection: Connection, keys: Keyring, *, now: datetime) -> tuple[str, str]:
    """The service token of the district admin's branch: prefix and secret, the same at every start."""
    secret = keys.keyed_hash(PROGRAM_BRANCH, purpose="demo.service_token").hex()
    connection.execute(
        OPEN_PROGRAM,
        {
            "id": demo_id("service_token", PROGRAM_BRANCH),
            "branch_id": demo_id("branch", PROGRAM_BRANCH),
            "prefix": PROGRAM_PREFIX,
            "hash": fingerprint(secret),
            "scopes": sorted(BRANCH_ADMIN),
            "creator": demo_id("account", DISTRICT_ADMIN),
            "now": now,
            "expires_at": now + PROGRAM_LIFETIME,
        },
    )
    return PROGRAM_PREFIX, secret
