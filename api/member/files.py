"""Pictures that apps show in place."""

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Response

from api.deps import AnyActor, CurrentRuntime, Session
from api.files import StoredFile
from api.openapi import problems
from services.files import IMAGE_TYPES, FilesUnavailableError
from services.news.reading import read_cover

router = APIRouter(prefix="/v1/files", tags=["member"])

PICTURE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The picture.",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in sorted(IMAGE_TYPES)
        },
    }
}


@router.get(
    "/{file_id}",
    summary="Fetch a picture",
    response_class=Response,
    responses={**PICTURE, **problems(403, 404, FilesUnavailableError)},
)
async def get_file(file_id: UUID, session: Session, runtime: CurrentRuntime, actor: AnyActor) -> StoredFile:
    """The cover of a published article of the caller's branches, or of any article for the staff that works on it."""
    return StoredFile(runtime.files, await read_cover(session, actor, file_id), inline=True)
