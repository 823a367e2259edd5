"""Kazakh alphabetical order as bytes."""

import pytest

from services.names import ALPHABET, sort_key

IN_ORDER = [
    "Smith", "Абаев", "Ақанов", "Әбенов", "Әлиев", "Бекетов", "Гумаров", "Ғабитов", "Ердос", "Ёлкин", "Жұмабаев",
    "Кәрім", "Қайрат", "Наурыз", "Ногай", "Нұр", "Ңұр", "Оразов", "Өтепов", "Сағи", "Сәт", "Уәли", "Ұлан", "Үмбет",
    "Фазыл", "Хамит", "Һалық", "Цой", "Шоқан", "Ықылас", "Ілияс", "Эсен", "Юсупов", "Яков",
]  # fmt: skip


def test_names_sort_by_the_kazakh_alphabet() -> None:
    assert sorted(reversed(IN_ORDER), key=lambda name: sort_key(name).encode()) == IN_ORDER


def test_every_letter_has_its_place() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 42
    assert sorted(ALPHABET, key=lambda letter: sort_key(letter).encode()) == list(ALPHABET)
    assert [sort_key(letter.upper()) for letter in ALPHABET] == [sort_key(letter) for letter in ALPHABET]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Əсем", "Әсем"),
        ("Cepiк", "Серік"),
        ("iлияс", "Ілияс"),
        ("HҰРЛАН", "Нұрлан"),
        ("Нұр-Сұлтан", "нұр сұлтан"),
        ("  Айгүл   Сәрсенова ", "Айгүл Сәрсенова"),
        ("Йосиф", "Йосиф"),
    ],
)
def test_what_looks_alike_is_alike(typed: str, meant: str) -> None:
    assert sort_key(typed) == sort_key(meant)


def test_a_latin_name_stays_latin() -> None:
    assert sort_key("Cox") == "cox"


def test_the_start_of_a_name_starts_its_key_and_a_shorter_family_name_comes_first() -> None:
    assert sort_key("Ахметов", "Дәулет", None).startswith(sort_key("Ахметов Дә"))
    assert sort_key("Ахмет", "Яков") < sort_key("Ахметов", "Абай")
