"""Access tokens: what is not ours opens nothing, and keys change under running processes."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.runtime import Runtime
from api.tokens import LOOK_EVERY, TokenVerifier, issue_access_token
from models.base import utc_now
from services.errors import UnauthenticatedError
from services.keyring import (
    PICKED_UP_WITHIN,
    Keyring,
    KeyringError,
    load_keys,
    make_keys,
    prune_signing_keys,
    rotate_signing_key,
)
from tests.factories.sign_in import Phone

LIFETIME = timedelta(minutes=10)
Parts = tuple[dict[str, Any], dict[str, Any]]


def encode(part: object) -> bytes:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def build(parts: Parts, sign: Callable[[bytes], bytes]) -> str:
    """A JWT signed in any way whatever."""
    text = b".".join(encode(part) for part in parts)
    return (text + b"." + base64.urlsafe_b64encode(sign(text)).rstrip(b"=")).decode()


def own(keys: Keyring) -> Callable[[bytes], bytes]:
    """Our own signature."""
    return keys.signing[keys.current_signing_id].sign


def public(keys: Keyring, encoding: Encoding, form: PublicFormat) -> bytes:
    """What everybody can read of the current key."""
    return keys.signing[keys.current_signing_id].public_key().public_bytes(encoding, form)


def hs256(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA-256 under `key`."""
    return lambda text: hmac.digest(key, text, "sha256")


def claim(parts: Parts, **changes: object) -> Parts:
    """The same token with other claims; None leaves one out."""
    return parts[0], {name: value for name, value in {**parts[1], **changes}.items() if value is not None}


def head(parts: Parts, **changes: object) -> Parts:
    """The same token with another header."""
    return {name: value for name, value in {**parts[0], **changes}.items() if value is not None}, parts[1]


Forgery = Callable[[Parts, Keyring], str]
FORGERIES: Mapping[str, Forgery] = {
    "no algorithm": lambda parts, keys: build(head(parts, alg="none"), lambda _: b""),
    "no algorithm, our signature": lambda parts, keys: build(head(parts, alg="none"), own(keys)),
    "HMAC under the public key": lambda parts, keys: build(
        head(parts, alg="HS256"), hs256(public(keys, Encoding.Raw, PublicFormat.Raw))
    ),
    "HMAC under the public key as PEM": lambda parts, keys: build(
        head(parts, alg="HS256"), hs256(public(keys, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    ),
    "a key of the forger's": lambda parts, keys: build(parts, Ed25519PrivateKey.generate().sign),
    "unknown key id": lambda parts, keys: build(head(parts, kid="20200101000000-00000000"), own(keys)),
    "key id of the next key": lambda parts, keys: build(head(parts, kid=max(keys.signing)), own(keys)),
    "key id that is no text": lambda parts, keys: build(head(parts, kid=["a"]), own(keys)),
    "no key id": lambda parts, keys: build(head(parts, kid=None), own(keys)),
    "type JWT": lambda parts, keys: build(head(parts, typ="JWT"), own(keys)),
    "no type": lambda parts, keys: build(head(parts, typ=None), own(keys)),
    "other issuer": lambda parts, keys: build(claim(parts, iss="another"), own(keys)),
    "other audience": lambda parts, keys: build(claim(parts, aud="another"), own(keys)),
    "no audience": lambda parts, keys: build(claim(parts, aud=None), own(keys)),
    "expired": lambda parts, keys: build(claim(parts, exp=int(utc_now().timestamp())), own(keys)),
    "no expiry": lambda parts, keys: build(claim(parts, exp=None), own(keys)),
    "another account": lambda parts, keys: build(claim(parts, sub=str(uuid4())), own(keys)),
    "another session": lambda parts, keys: build(claim(parts, sid=str(uuid4())), own(keys)),
    "account that is no id": lambda parts, keys: build(claim(parts, sub="' OR true --"), own(keys)),
    "nested three thousand times": lambda parts, keys: (
        f"{base64.urlsafe_b64encode(b'[' * 3000 + b']' * 3000).decode()}.e30.e30"
    ),
    "no JWT at all": lambda parts, keys: "not.a.token",
}


async def good_parts(phone: Phone) -> tuple[Parts, str]:
    """The parts of a token that opens, and the token."""
    token = (await phone.sign_in())["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    return (dict(jwt.get_unverified_header(token)), claims), token


async def test_built_by_hand_the_same_token_opens(phone: Phone, runtime: Runtime) -> None:
    parts, _ = await good_parts(phone)
    assert (await phone.get_me(build(parts, own(runtime.keys)))).status_code == 200


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
async def test_forged_token_opens_nothing(phone: Phone, runtime: Runtime, forgery: Forgery) -> None:
    parts, good = await good_parts(phone)
    assert (await phone.get_me(good)).status_code == 200
    refused = await phone.get_me(forgery(parts, runtime.keys))
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_remembered_token_expires_all_the_same(phone: Phone, runtime: Runtime) -> None:
    token = (await phone.sign_in())["access_token"]
    now = utc_now()
    assert runtime.tokens.verify(token, now) is runtime.tokens.verify(token, now)
    with pytest.raises(UnauthenticatedError):
        runtime.tokens.verify(token, now + LIFETIME)


async def test_jwks_verifies_what_we_sign_and_holds_the_next_key(
    phone: Phone, client: httpx.AsyncClient, runtime: Runtime
) -> None:
    answer = await client.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    published = jwt.PyJWKSet.from_dict(answer.json())
    assert [key.key_id for key in published.keys] == [runtime.keys.current_signing_id, max(runtime.keys.signing)]
    assert all(set(key) == {"kty", "crv", "use", "alg", "kid", "x"} for key in answer.json()["keys"])
    token = (await phone.sign_in())["access_token"]
    claims = jwt.decode(token, published.keys[0], algorithms=["EdDSA"], audience="unqatu", issuer="unqatu")
    assert set(claims) == {"iss", "aud", "sub", "sid", "iat", "exp"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fresh keys."""
    make_keys(tmp_path, now=utc_now())
    return tmp_path


def issue(keys: Keyring, now: datetime) -> str:
    """A token of nobody's."""
    return issue_access_token(keys, account_id=uuid4(), session_id=uuid4(), lifetime=LIFETIME, now=now)


def test_keys_rotate_under_a_running_verifier(folder: Path) -> None:
    now = utc_now()
    running = TokenVerifier(load_keys(folder), folder)
    before = issue(running.current_keys(now), now)
    following = max(running.keyring.signing)
    assert rotate_signing_key(folder, now=now) == following
    assert running.verify(issue(load_keys(folder), now), now)  # the next key was known all along
    assert running.keyring.current_signing_id != following
    rotate_signing_key(folder, now=now)
    unknown = issue(load_keys(folder), now)
    with pytest.raises(UnauthenticatedError):
        running.verify(unknown, now + LOOK_EVERY / 2)  # looked a moment ago
    later = now + LOOK_EVERY
    assert running.verify(unknown, later)
    assert running.verify(before, later)
    assert running.current_keys(later).current_signing_id == load_keys(folder).current_signing_id
    assert len(running.keyring.signing) == 4


def test_old_keys_go_when_their_tokens_are_dead(folder: Path) -> None:
    now = utc_now()
    running = TokenVerifier(load_keys(folder), folder)
    old = issue(running.current_keys(now), now)
    assert prune_signing_keys(folder, token_lifetime=LIFETIME, now=now) == []
    rotate_signing_key(folder, now=now)
    with pytest.raises(KeyringError, match="live until"):
        prune_signing_keys(folder, token_lifetime=LIFETIME, now=now + LIFETIME)
    later = datetime.now(UTC) + LIFETIME + PICKED_UP_WITHIN
    assert prune_signing_keys(folder, token_lifetime=LIFETIME, now=later) == [min(running.keys)]
    running.current_keys(later)
    with pytest.raises(UnauthenticatedError):
        running.verify(old, now)
    assert running.verify(issue(load_keys(folder), now), now)


def test_a_folder_that_cannot_be_read_changes_nothing(folder: Path) -> None:
    now = utc_now()
    running = TokenVerifier(load_keys(folder), folder)
    token = issue(running.current_keys(now), now)
    (folder / "signing" / "current").unlink()
    assert running.current_keys(now + LOOK_EVERY).signing
    assert running.verify(token, now)


def test_ten_rotations_in_one_second_keep_their_order(folder: Path) -> None:
    now = utc_now()
    signed = [load_keys(folder).current_signing_id] + [rotate_signing_key(folder, now=now) for _ in range(10)]
    assert signed == sorted(set(signed))
    assert max(load_keys(folder).signing) > signed[-1]


def test_keys_are_readable_by_their_owner_only(folder: Path) -> None:
    rotate_signing_key(folder, now=utc_now())
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert not list(folder.rglob(".*"))
