"""unqatu keys …: keys that live outside the database."""

from cyclopts import App

from api.settings import Settings
from models.base import utc_now
from services.keyring import make_keys, prune_signing_keys, rotate_signing_key

app = App(name="keys", help="Keys that live outside the database.")


@app.command
def init() -> None:
    """Make the keys that are missing in UNQATU_KEYS_FOLDER."""
    make_keys(Settings().keys, now=utc_now())


@app.command
def rotate_signing() -> str:
    """Sign access tokens with the next key from now on; running processes follow within seconds.

    With several machines, copy the folder to all of them after each rotation, and before the next one.
    """
    return f"{rotate_signing_key(Settings().keys, now=utc_now())} signs now."


@app.command
def prune() -> str:
    """Delete the signing keys whose last tokens are dead."""
    settings = Settings()
    pruned = prune_signing_keys(settings.keys, token_lifetime=settings.access_token_lifetime, now=utc_now())
    return "\n".join(f"{name} is deleted." for name in pruned) or "There was nothing to delete."
