"""Texts of the demo in two languages, with places to fill in.

{place} is a settlement, {branch} a branch; Kazakh endings are glued to {branch}, which always ends in «филиалы», and
Russian cases come as {branch_of} (чего?) and {branch_in} (в чём?). {n} is a small number.
"""

import re
from dataclasses import dataclass

from models.base import Translations

RU_ADJECTIVE = re.compile(r"(?<=ск|.н)(?:ий|ый|ой)\b")


@dataclass(frozen=True)
class Text:
    """Title, summary, body (Markdown) in one language."""

    title: str
    summary: str
    body: str


@dataclass(frozen=True)
class Story:
    """One piece of news in Kazakh and Russian."""

    kk: Text
    ru: Text


def story(kk: tuple[str, str, str], ru: tuple[str, str, str]) -> Story:
    """A story from (title, summary, body) twice."""
    return Story(Text(*kk), Text(*ru))


def branch_of(name: str) -> str:
    """The genitive of a Russian branch name: Макатского районного филиала."""
    return RU_ADJECTIVE.sub("ого", name).replace("филиал", "филиала")


def branch_in(name: str) -> str:
    """The prepositional of a Russian branch name: Макатском районном филиале."""
    return RU_ADJECTIVE.sub("ом", name).replace("филиал", "филиале")


def fill(template: str, *, place: str, branch: str, n: int) -> str:
    """A template with its places filled in; of one language."""
    return template.format(place=place, branch=branch, branch_of=branch_of(branch), branch_in=branch_in(branch), n=n)


def filled(text: Text, *, place: str, branch: str, n: int) -> Text:
    """A text with its places filled in."""
    parts = (fill(part, place=place, branch=branch, n=n) for part in (text.title, text.summary, text.body))
    return Text(*parts)


def both(kk: str, ru: str) -> Translations:
    """A line in two languages, as the database keeps it."""
    return {"kk": kk, "ru": ru}
