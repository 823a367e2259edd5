"""The tables, one module per noun. Importing this package registers every table in the metadata."""

from models import accounts, audit, branches, idempotency, members, news, push, roles

__all__ = ["accounts", "audit", "branches", "idempotency", "members", "news", "push", "roles"]
