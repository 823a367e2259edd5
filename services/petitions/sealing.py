"""What is encrypted of a petition, and the code by which it is followed without signing in."""

from base64 import b32encode
from typing import Final
from uuid import UUID

from models.petitions import Petition, PetitionEvent
from services.keyring import Keyring

TRACKING_BYTES: Final = 10


def seal(keys: Keyring, owner_id: UUID, field: str, text: str | None) -> bytes | None:
    """Encrypt a text so that it opens in this field of this row only."""
    return None if text is None else keys.encrypt(text, purpose=f"{field}:{owner_id}")


def unseal(keys: Keyring, row: Petition | PetitionEvent, field: str, blob: bytes | None) -> str | None:
    """The text that `seal` took."""
    if blob is None or row.encryption_key_id is None:
        return None
    return keys.decrypt(blob, key_id=row.encryption_key_id, purpose=f"{field}:{row.id}")


def tracking_code(keys: Keyring, petition_id: UUID) -> str:
    """80 bits as 16 letters and digits: a pseudo-random function of the id, so that it need not be kept readably."""
    return b32encode(keys.keyed_hash(str(petition_id), purpose="petition.tracking")[:TRACKING_BYTES]).decode()
