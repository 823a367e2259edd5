"""Types of input: safe text, codes, translations, paging. One place for what a phone may send."""

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from hmac import compare_digest, digest
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError
from typing_extensions import TypeForm

from models.base import Language
from services.errors import InvalidError

MAX_LIMIT: Final = 100
SIGNATURE_BYTES: Final = 16
RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
FORBIDDEN_CONTROLS: Final = frozenset(chr(code) for code in range(32)) - {"\n", "\t"} | {"\x7f"}


class InvalidCursorError(InvalidError):
    """The cursor was not made by this server, or for another list."""

    code = "invalid_cursor"


def clean_text(value: object) -> object:
    """NFC, line ends as LF, no NUL or other control characters, no lone surrogates."""
    if not isinstance(value, str):
        return value
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise PydanticCustomError("text_surrogate", "text holds a lone surrogate")
    normal = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))
    if not FORBIDDEN_CONTROLS.isdisjoint(normal):
        raise PydanticCustomError("text_control", "text holds a control character")
    return normal


def not_blank(value: str) -> str:
    """Refuse text that shows nothing."""
    if not value.strip():
        raise PydanticCustomError("text_blank", "text is blank")
    return value


def rfc3339(value: object) -> object:
    """Times come as RFC 3339 text; a number, also in quotes, would be taken for seconds since 1970."""
    if not isinstance(value, str) or RFC3339.fullmatch(value) is None:
        raise PydanticCustomError("time_text", "a time is RFC 3339 text")
    return value


def iso_day(value: object) -> object:
    """Dates come as YYYY-MM-DD; digits alone would be taken for seconds since 1970."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise PydanticCustomError("date_text", "a date is YYYY-MM-DD")
    return value


Integer = Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)]
"""A number that fits the column."""

Flag = Annotated[bool, Field(strict=True)]
"""true or false, not "yes" or 1."""

Moment = Annotated[AwareDatetime, BeforeValidator(rfc3339)]
"""A time with its zone, RFC 3339."""

Day = Annotated[date, BeforeValidator(iso_day)]
"""A date, YYYY-MM-DD."""

Line = Annotated[
    str,
    BeforeValidator(clean_text),
    StringConstraints(min_length=1, max_length=200, pattern=r"^[^\n\t]*$"),
    AfterValidator(not_blank),
]
"""One line: a title, a name."""

Paragraph = Annotated[
    str, BeforeValidator(clean_text), StringConstraints(min_length=1, max_length=2_000), AfterValidator(not_blank)
]
"""A short text: a reason, a summary, an answer."""

Body = Annotated[
    str, BeforeValidator(clean_text), StringConstraints(min_length=1, max_length=20_000), AfterValidator(not_blank)
]
"""A long text: an article, a petition."""

Key = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{8,128}$")]
"""An idempotency key: 8 to 128 visible ASCII characters; a UUID is right."""


PetitionReference = Annotated[
    str,
    Path(
        pattern=r"^([A-Z]{2}-[0-9]{4}-C?[0-9]{6,9}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
        description="The number, or the id that a push carries.",
        examples=["AT-2026-000123"],
    ),
]
"""How a petition is named in a path."""


class In(BaseModel):
    """A body that a client sends: unknown fields are refused. Types are not guessed: use the ones above, since
    pydantic's strict mode would refuse ids and times as JSON text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """A body that we send."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Translated(In):
    """A line in the two languages that everything is published in, English if there is one."""

    kk: Line
    ru: Line
    en: Line | None = None

    def plain(self) -> dict[str, str]:
        """As the database keeps it."""
        return self.model_dump(exclude_none=True)


class TranslatedParagraph(In):
    """A short text in the two languages that everything is published in, English if there is one."""

    kk: Paragraph
    ru: Paragraph
    en: Paragraph | None = None

    def plain(self) -> dict[str, str]:
        """As the database keeps it."""
        return self.model_dump(exclude_none=True)


Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(Out, Generic[Item]):
    """One page of a list; `next_cursor` asks for the next, null ends it."""

    items: list[Item]
    next_cursor: str | None = Field(examples=["AZkMXkt6fDGdUgpvH3wrEQ"])

    @classmethod
    def model_parametrized_name(cls, params: tuple[TypeForm[Any], ...]) -> str:
        """The name in the OpenAPI document: a page of BranchOut is a BranchPage."""
        return f"{getattr(params[0], '__name__', '').removesuffix('Out')}Page"


class PageParams(BaseModel):
    """How a list is read. Subclass it for filters; unknown query parameters are refused."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str, StringConstraints(max_length=500, pattern=r"^[A-Za-z0-9_-]*$")] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 20


def page_of(
    key: bytes,
    name: str,
    rows: Sequence[Row],
    limit: int,
    *,
    show: Callable[[Row], Item],
    place: Callable[[Row], list[Any]],
) -> Page[Item]:
    """A page of the list called `name`, from up to `limit` + 1 rows.

    Args:
        show: a row as it is sent.
        place: the sort key of a row, for the cursor.
    """
    shown = rows[:limit]
    more = encode_cursor(key, name, place(shown[-1])) if len(rows) > limit else None
    return Page(items=[show(row) for row in shown], next_cursor=more)


def encode_cursor(key: bytes, name: str, position: list[Any]) -> str:
    """Sign the sort key of a page's last row, for the list called `name`."""
    payload = json.dumps(position, separators=(",", ":"), default=str).encode()
    return base64.urlsafe_b64encode(sign(key, name, payload) + payload).rstrip(b"=").decode()


def decode_cursor(key: bytes, name: str, cursor: str | None) -> list[Any] | None:
    """The sort key that `encode_cursor` took, or None without a cursor.

    Raises:
        InvalidCursorError: it is not ours, or for another list.
    """
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursorError from error
    payload = raw[SIGNATURE_BYTES:]
    if not compare_digest(raw[:SIGNATURE_BYTES], sign(key, name, payload)):
        raise InvalidCursorError
    position: list[Any] = json.loads(payload)
    return position


def sign(key: bytes, name: str, payload: bytes) -> bytes:
    """Half an HMAC-SHA-256; 128 bits are plenty for a cursor."""
    return digest(key, b"cursor:" + name.encode() + b":" + payload, "sha256")[:SIGNATURE_BYTES]


def pick(translations: dict[str, str], language: Language) -> str:
    """The text in `language`, or in the nearest there is (kk, ru, en)."""
    for candidate in (language, *Language):
        if candidate in translations:
            return translations[candidate]
    return ""
