"""Every error has a sentence in each language, and every sentence has an error."""

import string

import pytest

from api.errors import error_codes
from api.i18n import LOCALE, catalogue
from models.base import Language


@pytest.mark.parametrize("language", Language)
def test_every_code_has_a_sentence_and_no_sentence_is_an_orphan(language: Language) -> None:
    sentences = {name for name in catalogue(language) if name.startswith("error.")}
    assert sentences == {f"error.{code}" for code in error_codes()}


def test_the_languages_say_the_same_things_with_the_same_places_to_fill() -> None:
    places = [
        {
            name: {field for _, field, _, _ in string.Formatter().parse(text)}
            for name, text in catalogue(language).items()
        }
        for language in Language
    ]
    assert places[0] == places[1] == places[2]


def test_no_subject_says_anothers_sentence() -> None:
    for folder in LOCALE.iterdir():
        names = [line for path in folder.rglob("*.po") for line in path.read_text().splitlines() if "msgid" in line]
        repeated = {name for name in names if names.count(name) > 1} - {'msgid ""'}
        assert not repeated
