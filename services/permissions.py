"""Which role may do what. A permission not named here is held by nobody."""

from enum import StrEnum
from typing import Final

from models.roles import RoleName


class Permission(StrEnum):
    """resource:action. Held in a branch, it covers all below it."""

    branches_read = "branches:read"
    branches_write = "branches:write"
    members_read = "members:read"
    members_write = "members:write"
    members_read_iin = "members:read_iin"
    roles_read = "roles:read"
    roles_write = "roles:write"
    tokens_read = "tokens:read"
    tokens_write = "tokens:write"
    audit_read = "audit:read"
    news_read = "news:read"
    news_write = "news:write"
    news_publish = "news:publish"
    polls_read = "polls:read"
    polls_write = "polls:write"
    polls_publish = "polls:publish"
    petitions_read = "petitions:read"
    petitions_handle = "petitions:handle"
    petitions_decide = "petitions:decide"
    petitions_control = "petitions:control"
    """All of it, for confidential petitions only, which the three above do not show."""
    calendar_write = "calendar:write"


P = Permission
READ_BRANCHES: Final = frozenset({P.branches_read})
NEWS: Final = frozenset({P.news_read, P.news_write, P.news_publish})
POLLS: Final = frozenset({P.polls_read, P.polls_write, P.polls_publish})
PETITIONS: Final = frozenset({P.petitions_read, P.petitions_handle, P.petitions_decide})
ADMINISTRATION: Final = frozenset(
    {P.branches_write, P.members_read, P.members_write, P.roles_read, P.roles_write, P.tokens_read, P.tokens_write}
    | {P.audit_read}
)
BRANCH_ADMIN: Final = READ_BRANCHES | NEWS | POLLS | PETITIONS | ADMINISTRATION

ROLE_PERMISSIONS: Final[dict[RoleName, frozenset[Permission]]] = {
    RoleName.head_office_admin: BRANCH_ADMIN | {P.calendar_write, P.members_read_iin},
    RoleName.branch_admin: BRANCH_ADMIN,
    RoleName.petition_desk: READ_BRANCHES | PETITIONS,
    RoleName.editor: READ_BRANCHES | NEWS | {P.polls_read, P.polls_write},
    RoleName.treasurer: READ_BRANCHES | {P.members_read},
    RoleName.chair: frozenset(),
    RoleName.councillor: frozenset(),
    RoleName.party_control: READ_BRANCHES | {P.petitions_control},
}
"""Roles that do their work in the member app (chair, councillor) hold little here: what they may do there, their own
operations say."""

APPOINTED: Final = frozenset({P.petitions_control})
"""Held by those whom head office appoints, and not by head office itself."""

ADMIN_ROLES: Final = frozenset(set(RoleName) - {RoleName.chair, RoleName.councillor})
"""Roles whose holders work in the admin API and so need a second factor."""
