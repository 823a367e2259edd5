"""Keys that live outside the database: encryption of personal data, keyed hashes, signatures.

A folder (0700) holds them: `encryption/<id>.key` (the newest by name encrypts, all decrypt), `hash.key` (lookups and
successors; changing it makes phones and IINs unfindable, so it is never rotated), `signing/<id>.pem` (Ed25519, for
tokens) and `audit/<id>.pem` (Ed25519; the newest signs the audit's head, none is ever removed, and only workers need
them). `signing/current` names the key that signs; those before it signed once, the one after it is published ahead.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
PICKED_UP_WITHIN: Final = timedelta(minutes=1)
"""How long a process may go on signing with a key after it was rotated."""


AuditKeys = Mapping[str, Ed25519PrivateKey]
"""The keys that sign the audit's head, by id; the newest has the greatest id."""


class KeyringError(Exception):
    """The folder of keys is missing or broken; one sentence for the operator."""


@dataclass(frozen=True, repr=False)
class Keyring:
    """The keys of one installation.

    Attributes:
        encryption: AES-256 keys by id; ids sort by age.
        hash_key: for HMAC-SHA-256.
        signing: Ed25519 keys by id; all are published and verify.
        current_signing_id: the one that signs now.
    """

    encryption: Mapping[str, bytes]
    hash_key: bytes
    signing: Mapping[str, Ed25519PrivateKey]
    current_signing_id: str

    @property
    def current_encryption_id(self) -> str:
        """The id of the key that encrypts now."""
        return max(self.encryption)

    def encrypt(self, text: str, *, purpose: str) -> bytes:
        """AES-256-GCM under the current key: nonce (12 bytes), then ciphertext with its tag.

        `purpose` (e.g. "account.phone") is authenticated, so that a value moved to another column does not open.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.encryption[self.current_encryption_id]).encrypt(
            nonce, text.encode(), purpose.encode()
        )

    def decrypt(self, blob: bytes, *, key_id: str, purpose: str) -> str:
        """The text that `encrypt` took.

        Raises:
            KeyringError: the key is not here, or the value was changed.
        """
        try:
            plain = AESGCM(self.encryption[key_id]).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], purpose.encode())
        except (KeyError, InvalidTag) as error:
            raise KeyringError(f"a value encrypted under key {key_id} does not open") from error
        return plain.decode()

    def keyed_hash(self, text: str, *, purpose: str) -> bytes:
        """HMAC-SHA-256, for finding a phone or an IIN without storing it readably."""
        return digest(self.hash_key, f"{purpose}:{text}".encode(), "sha256")


def make_keys(folder: Path, *, now: datetime) -> None:
    """Make what is missing in a folder of keys. Never touches a key that is there."""
    for part in (folder, folder / "encryption", folder / "signing", folder / "audit"):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any((folder / "encryption").glob("*.key")):
        write_secret(folder / "encryption" / f"{key_name(now)}.key", secrets.token_bytes(KEY_BYTES))
    if not (folder / "hash.key").exists():
        write_secret(folder / "hash.key", secrets.token_bytes(KEY_BYTES))
    if not any((folder / "audit").glob("*.pem")):
        make_signing_key(folder / "audit", now=now)
    while len(list((folder / "signing").glob("*.pem"))) < 2:
        make_signing_key(folder / "signing", now=now)
    if not (folder / "signing" / "current").exists():
        write_secret(folder / "signing" / "current", min((folder / "signing").glob("*.pem")).stem.encode())


def make_signing_key(folder: Path, *, now: datetime) -> str:
    """Add an Ed25519 key to a folder, the newest there; its name."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    newest = max(key_ids(folder), default="")
    while (name := key_name(now)) <= newest:
        now += timedelta(seconds=1)
    write_secret(folder / f"{name}.pem", pem)
    return name


def key_ids(folder: Path) -> list[str]:
    """The names of the Ed25519 keys in a folder, the oldest first."""
    return sorted(path.stem for path in folder.glob("*.pem"))


def rotate_signing_key(folder: Path, *, now: datetime) -> str:
    """Let the next key sign, and make another next one; the id that signs now. Running processes follow.

    Nobody is signed out: the old key stays until `prune_signing_keys`, the new one was published all along.
    """
    signing, current = folder / "signing", load_keys(folder).current_signing_id
    make_signing_key(signing, now=now)
    following = next(name for name in key_ids(signing) if name > current)
    write_secret(signing / "current", following.encode())
    return following


def prune_signing_keys(folder: Path, *, token_lifetime: timedelta, now: datetime) -> list[str]:
    """Delete the keys that signed before the current one, once the last token by them is dead; their ids.

    Raises:
        KeyringError: such tokens may live yet; the sentence says until when.
    """
    signing, current = folder / "signing", load_keys(folder).current_signing_id
    retired = [name for name in key_ids(signing) if name < current]
    rotated_at = datetime.fromtimestamp((signing / "current").stat().st_mtime, UTC)
    dead_at = rotated_at + token_lifetime + PICKED_UP_WITHIN
    if retired and now < dead_at:
        raise KeyringError(f"tokens signed before the last rotation live until {dead_at:%Y-%m-%d %H:%M:%S} UTC")
    for name in retired:
        (signing / f"{name}.pem").unlink()
    return retired


def key_name(now: datetime) -> str:
    """A name that sorts by age."""
    return f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(4)}"


def write_secret(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load_keys(folder: Path) -> Keyring:
    """Read a folder of keys.

    Raises:
        KeyringError: something is missing; the sentence names the command that makes it.
    """
    encryption = {path.stem: path.read_bytes() for path in (folder / "encryption").glob("*.key")}
    signing = {path.stem: read_signing_key(path) for path in (folder / "signing").glob("*.pem")}
    current, hash_key = folder / "signing" / "current", folder / "hash.key"
    if not encryption or not signing or not current.is_file() or not hash_key.is_file():
        raise KeyringError(f"{folder} holds no complete set of keys; `unqatu keys init` makes one")
    current_id = current.read_text().strip()
    if current_id not in signing:
        raise KeyringError(f"the current signing key {current_id} is missing in {folder / 'signing'}")
    return Keyring(encryption, hash_key.read_bytes(), signing, current_id)


def load_audit_keys(folder: Path) -> AuditKeys:
    """The audit's keys from a folder of keys.

    Raises:
        KeyringError: there is none.
    """
    keys = {path.stem: read_signing_key(path) for path in (folder / "audit").glob("*.pem")}
    if not keys:
        raise KeyringError(f"{folder / 'audit'} holds no key; `unqatu keys init` makes one")
    return keys


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """An Ed25519 key from its PEM file."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyringError(f"{path} is not an Ed25519 key")
    return key


def fingerprint(secret: str) -> bytes:
    """SHA-256 of a random secret of 128 bits or more, which needs no salt."""
    return sha256(secret.encode()).digest()
