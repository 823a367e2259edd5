"""Service tokens: the keys of programs that work for a branch."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status
from pydantic import Field

from api.deps import CurrentAdmin, CurrentKeys, Now, Session
from api.openapi import admin_operation
from api.tokens import join_service_token
from api.types import In, Line, Moment, Out, Page, PageParams, decode_cursor, page_of
from services import service_tokens
from services.permissions import Permission
from services.roles import RoleTooHighError
from services.service_tokens import TokenLifetimeError

router = APIRouter(prefix="/v1/admin/tokens", tags=["admin"])


class TokenIn(In):
    """A token for a program; `scopes` are permissions that its maker holds in the branch."""

    branch_id: UUID
    name: Line
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=50)]
    expires_at: Moment


class TokenOut(Out):
    """A token without its secret; the prefix stands in the secret too, so that one can be told from another."""

    id: UUID
    branch_id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_by_account_id: UUID | None
    created_at: datetime
    expires_at: datetime


class IssuedTokenOut(TokenOut):
    """A new token: `token` is shown this once."""

    token: str


class TokenFilter(PageParams):
    """Only the tokens of exactly this branch."""

    branch_id: UUID | None = None


@router.get("", summary="List service tokens", **admin_operation(Permission.tokens_read))
async def list_tokens(
    session: Session, actor: CurrentAdmin, keys: CurrentKeys, params: Annotated[TokenFilter, Query()]
) -> Page[TokenOut]:
    """The tokens of the caller's subtrees that are not revoked, the oldest first."""
    after = decode_cursor(keys.hash_key, "tokens", params.cursor)
    found = await service_tokens.list_tokens(
        session, actor, branch_id=params.branch_id, after=UUID(after[0]) if after else None, limit=params.limit
    )
    return page_of(
        keys.hash_key, "tokens", found, params.limit, show=TokenOut.model_validate, place=lambda token: [token.id]
    )


@router.post(
    "",
    summary="Make a service token",
    status_code=status.HTTP_201_CREATED,
    **admin_operation(Permission.tokens_write, RoleTooHighError, TokenLifetimeError),
)
async def issue_token(body: TokenIn, session: Session, actor: CurrentAdmin, now: Now) -> IssuedTokenOut:
    """Make a token; its secret is shown this once. Only people make tokens, with scopes they hold themselves."""
    issued = await service_tokens.issue_token(
        session,
        actor,
        branch_id=body.branch_id,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        now=now,
    )
    shown = TokenOut.model_validate(issued.token).model_dump()
    return IssuedTokenOut(**shown, token=join_service_token(issued.token.prefix, issued.secret))


@router.delete(
    "/{token_id}",
    summary="Revoke a service token",
    status_code=status.HTTP_204_NO_CONTENT,
    **admin_operation(Permission.tokens_write),
)
async def revoke_token(token_id: UUID, session: Session, actor: CurrentAdmin, now: Now) -> None:
    """Revoke a token; it stops acting at once."""
    await service_tokens.revoke_token(session, actor, token_id, now=now)
