"""Names in Kazakh alphabetical order, which no locale of the database knows."""

import re
import unicodedata
from typing import Final

ALPHABET: Final = "аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя"
FIRST_CODE: Final = 0xE000
"""Letters become private code points in the alphabet's order, so that bytes compare as letters do; digits and foreign
letters stay as they are and come before them."""

PLACES: Final = {ord(letter): chr(FIRST_CODE + place) for place, letter in enumerate(ALPHABET)}
LOOKALIKES: Final = str.maketrans("ABCEHIKMOPTXYƏӨacehikopxyəѳ", "АВСЕНІКМОРТХУӘӨасеһікорхуәө")
CYRILLIC: Final = re.compile(r"[\u0400-\u04ff]")
WORD: Final = re.compile(r"[^\W_]+")


def sort_key(*parts: str | None) -> str:
    """A key whose bytewise order is the order of the names in Kazakh; the start of a name gives the start of its key.

    Case, hyphens and the Latin letters that slip into Cyrillic words (ə for ә, i for і) make no difference.

    Args:
        parts: family name, given name, patronymic; what is missing is left out.
    """
    text = unicodedata.normalize("NFC", " ".join(part for part in parts if part))
    return " ".join(fold(word).casefold().translate(PLACES) for word in WORD.findall(text))


def fold(word: str) -> str:
    """A word that is meant to be Cyrillic, with Cyrillic letters only; a Latin word as it is."""
    return word.translate(LOOKALIKES) if CYRILLIC.search(word) else word
