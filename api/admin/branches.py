"""The organisation tree, for its admins."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from pydantic import Field, StringConstraints

from api.deps import CurrentAdmin, CurrentKeys, ExpectedVersion, Now, Session
from api.openapi import admin_operation
from api.types import In, Out, Page, PageParams, Translated, decode_cursor, page_of
from models.branches import Branch, BranchLevel
from services import branches
from services.permissions import Permission

router = APIRouter(prefix="/v1/admin/branches", tags=["admin"])


class BranchIn(In):
    """A new branch below `parent_id`; its level follows from the parent's."""

    parent_id: UUID
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$"), Field(examples=["maqat"])]
    name: Translated
    region_code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(examples=["AT"])] | None = None


class BranchEdit(In):
    """What may change."""

    name: Translated


class BranchOut(Out):
    """A branch; `path` holds the codes from the republic down."""

    id: UUID
    parent_id: UUID | None
    level: BranchLevel
    code: str
    path: str
    name: dict[str, str]
    region_code: str | None
    version: int


class BranchFilter(PageParams):
    """Only the branches directly below `parent_id`."""

    parent_id: UUID | None = None


def read_out(branch: Branch, response: Response) -> BranchOut:
    """The branch, with its version as ETag."""
    response.headers["etag"] = f'"{branch.version}"'
    return BranchOut.model_validate(branch)


@router.get("", summary="List branches", **admin_operation(Permission.branches_read))
async def list_branches(
    session: Session, actor: CurrentAdmin, keys: CurrentKeys, params: Annotated[BranchFilter, Query()]
) -> Page[BranchOut]:
    """The branches of the caller's subtrees, in the order of the tree."""
    after = decode_cursor(keys.hash_key, "branches", params.cursor)
    found = await branches.list_branches(
        session, actor, parent_id=params.parent_id, after=after[0] if after else None, limit=params.limit
    )
    return page_of(
        keys.hash_key,
        "branches",
        found,
        params.limit,
        show=BranchOut.model_validate,
        place=lambda branch: [branch.path],
    )


@router.post(
    "",
    summary="Add a branch",
    status_code=status.HTTP_201_CREATED,
    **admin_operation(Permission.branches_write, branches.BranchExistsError, branches.WrongLevelError),
)
async def create_branch(
    body: BranchIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> BranchOut:
    """Add a branch one level below its parent."""
    branch = await branches.create_branch(
        session,
        actor,
        parent_id=body.parent_id,
        code=body.code,
        name=body.name.plain(),
        region_code=body.region_code,
        now=now,
    )
    return read_out(branch, response)


@router.get("/{branch_id}", summary="Read a branch", **admin_operation(Permission.branches_read))
async def get_branch(branch_id: UUID, session: Session, actor: CurrentAdmin, response: Response) -> BranchOut:
    """One branch of the caller's subtrees."""
    return read_out(await branches.access_branch(session, actor, branch_id, Permission.branches_read), response)


@router.patch("/{branch_id}", summary="Rename a branch", **admin_operation(Permission.branches_write))
async def update_branch(
    branch_id: UUID,
    body: BranchEdit,
    session: Session,
    actor: CurrentAdmin,
    version: ExpectedVersion,
    now: Now,
    response: Response,
) -> BranchOut:
    """Change the name; If-Match carries the ETag of the read."""
    branch = await branches.rename_branch(session, actor, branch_id, name=body.name.plain(), version=version, now=now)
    return read_out(branch, response)
