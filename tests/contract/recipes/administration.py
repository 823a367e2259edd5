"""Roles, service tokens, the audit."""

from datetime import timedelta
from uuid import uuid4

from models.accounts import Account, ServiceToken
from models.audit import AuditEvent
from models.base import Language, new_id, utc_now
from models.branches import Branch
from models.roles import Role, RoleName
from services.keyring import fingerprint
from tests.contract.recipes import OWN, Ground, Recipe
from tests.factories.world import LONG_AGO


async def a_role(ground: Ground, branch: Branch) -> object:
    """A councillor's role: everybody who gives roles may give it."""
    account = Account(language=Language.kk, created_at=LONG_AGO)
    ground.session.add(account)
    await ground.session.flush()
    role = Role(account_id=account.id, branch_id=branch.id, name=RoleName.councillor, granted_at=LONG_AGO)
    ground.session.add(role)
    return role.id


async def a_token(ground: Ground, branch: Branch) -> object:
    """A program's key."""
    token = ServiceToken(
        branch_id=branch.id,
        name="matrix",
        prefix=uuid4().hex[:10],
        secret_hash=fingerprint(uuid4().hex),
        scopes=["news:read"],
        created_at=LONG_AGO,
        expires_at=utc_now() + timedelta(days=1),
    )
    ground.session.add(token)
    return token.id


async def an_event(ground: Ground, branch: Branch) -> object:
    """Something that was done in a branch."""
    event = AuditEvent(
        at=LONG_AGO, action="news:publish", branch_id=branch.id, object_kind="article", object_id=new_id()
    )
    ground.session.add(event)
    return event.id


RECIPES = {
    "list_roles": Recipe(make=a_role, listed=True),
    "grant_role": Recipe(
        body=lambda ground: {
            "account_id": str(ground.world.people["Aigul"].account_id),
            "branch_id": ground.branch_id(OWN),
            "name": "councillor",
        }
    ),
    "end_role": Recipe(make=a_role),
    "list_tokens": Recipe(make=a_token, listed=True),
    "issue_token": Recipe(
        people_only=True,
        body=lambda ground: {
            "branch_id": ground.branch_id(OWN),
            "name": "matrix",
            "scopes": ["branches:read"],
            "expires_at": (utc_now() + timedelta(days=1)).isoformat(),
        },
    ),
    "revoke_token": Recipe(make=a_token),
    "list_audit_events": Recipe(make=an_event, listed=True),
}
