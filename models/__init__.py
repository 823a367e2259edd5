"""The tables, one module per noun. Importing this package registers every table in the metadata."""

from models import (
    accounts,
    audit,
    branches,
    calendar,
    idempotency,
    members,
    news,
    petitions,
    polls,
    push,
    roles,
    uploads,
)

__all__ = [
    "accounts",
    "audit",
    "branches",
    "calendar",
    "idempotency",
    "members",
    "news",
    "petitions",
    "polls",
    "push",
    "roles",
    "uploads",
]
