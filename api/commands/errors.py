"""How a command fails: with one sentence for a person, no traceback."""

from pydantic import ValidationError

from models.embedded import EmbeddedError
from services.keyring import KeyringError


class CommandError(Exception):
    """The command cannot go on; the message is one sentence that says what is wrong and what to do."""


SPOKEN = (CommandError, EmbeddedError, KeyringError, ValidationError)
"""What has a sentence for a person; anything else is a fault of ours and keeps its traceback."""


def sentence(error: Exception) -> str:
    """What to tell the person. Of settings only the names and the rules, since values may be secret."""
    if isinstance(error, ValidationError):
        wrong = (
            f"{'.'.join(map(str, found['loc'])) or 'the settings'}: {found['msg']}"
            for found in error.errors(include_url=False, include_input=False)
        )
        return f"A setting is wrong ({'; '.join(wrong)})."
    return f"{str(error).rstrip('.')}."
