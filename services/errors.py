"""Refusals. Each has a stable code; the API gives it a status and a sentence in the reader's language.

A subject's own refusals stand beside its rules and derive from one of the kinds here.
"""

from typing import ClassVar


class DomainError(Exception):
    """A refusal that a client can act on.

    Attributes:
        code: stable, snake_case; documented in the OpenAPI description and translated in api/locale.
        data: typed facts for programs (ids, limits, field names); never personal data.
        keeps_writes: whether what was written before the refusal stays, as a counted failure must
            (docs/decisions/0006-refusals-that-keep-writes.md).
    """

    code: ClassVar[str] = "refused"
    keeps_writes: ClassVar[bool] = False

    def __init__(self, **data: object) -> None:
        super().__init__(self.code)
        self.data = data


class NotFoundError(DomainError):
    """No such thing, or none for this actor: the two look alike, so that nobody can probe."""

    code = "not_found"


class ForbiddenError(DomainError):
    """The actor sees the thing but may not do this."""

    code = "forbidden"


class SecondFactorRequiredError(ForbiddenError):
    """Admin work needs a session raised by a one-time password."""

    code = "second_factor_required"


class UnauthenticatedError(DomainError):
    """No valid credentials."""

    code = "unauthenticated"


class ConflictError(DomainError):
    """The thing's state, or another write, stands in the way."""

    code = "conflict"


class StaleVersionError(DomainError):
    """Somebody changed the thing since the caller read it (If-Match)."""

    code = "stale_version"


class VersionRequiredError(DomainError):
    """An edit must say which version it edits (If-Match)."""

    code = "version_required"


class InvalidError(DomainError):
    """The request is well formed and makes no sense."""

    code = "invalid"


class TooManyError(DomainError):
    """A limit; `retry_after_s` in the data says when to try again."""

    code = "too_many_requests"


class UnavailableError(DomainError):
    """A part outside is down; nothing was done."""

    code = "unavailable"
