"""Sentences that people read, from the gettext catalogues in api/locale: one folder a language, one file a subject."""

from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from babel.messages.pofile import read_po

from models.base import Language

LOCALE: Final = Path(__file__).parent / "locale"
MAX_HEADER: Final = 200


@cache
def catalogue(language: Language) -> dict[str, str]:
    """The sentences of a language by message id, e.g. "error.not_found"."""
    sentences: dict[str, str] = {}
    for path in sorted((LOCALE / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            sentences |= {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id and entry.string}
    return sentences


def say(message_id: str, language: Language, **data: object) -> str:
    """The sentence for a message id, with {names} filled from `data`; the id itself if there is none."""
    sentence = catalogue(language).get(message_id, message_id)
    return sentence.format_map(data) if data else sentence


@lru_cache(maxsize=1024)
def negotiate(accept_language: str | None, default: Language = Language.kk) -> Language:
    """The best of our languages for an Accept-Language header (RFC 9110, 12.5.4); `default` if it names none."""
    if not accept_language or len(accept_language) > MAX_HEADER:
        return default
    best, best_quality = default, 0.0
    for part in accept_language.split(","):
        tag, _, parameter = part.strip().partition(";")
        quality = read_quality(parameter)
        name = tag.strip().lower().split("-")[0]
        if name in set(Language) and quality > best_quality:
            best, best_quality = Language(name), quality
    return best


def read_quality(parameter: str) -> float:
    """The q of "q=0.8"; 1 without one, 0 for nonsense."""
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
