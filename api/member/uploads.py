"""Files from phones: sent first, used by id later."""

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, status

from api.deps import CurrentRuntime, EarlyPerson, Now, open_transaction
from api.files import receive_file
from api.openapi import problems
from api.types import Out
from services import files, uploads

router = APIRouter(prefix="/v1/uploads", tags=["member"])

BINARY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in files.EXTENSIONS},
    }
}


class UploadOut(Out):
    """A file that was kept. `width` and `height` in pixels, of pictures only."""

    id: UUID
    media_type: str
    size_bytes: int
    width: int | None
    height: int | None


@router.post(
    "",
    summary="Send a file",
    status_code=status.HTTP_201_CREATED,
    responses=problems(
        uploads.TooManyUploadsError,
        files.UnsupportedFileTypeError,
        files.FileTypeMismatchError,
        files.ImageTooLargeError,
        files.AnimatedImageError,
        files.BrokenFileError,
        files.FilesUnavailableError,
    ),
    openapi_extra=BINARY,
)
async def create_upload(request: Request, runtime: CurrentRuntime, actor: EarlyPerson, now: Now) -> UploadOut:
    """Send the bytes of one file as the body, with its Content-Type; at most 20 MB.

    Pictures are drawn anew without their metadata (place, time), at most 4,096 pixels a side. What is not used within
    24 hours is removed; a file sent twice does no harm.
    """
    media_type = files.check_declared_type(request.headers.get("content-type", ""))
    async with open_transaction(runtime) as session:
        upload = await uploads.begin_upload(session, actor, now=now)
    # A slow phone holds no connection: nothing is open while its bytes arrive and are worked on.
    with await receive_file(request) as received:
        checked = await files.check_file(received, media_type)
        await files.put_file(runtime.files, upload.file_name, checked)
    async with open_transaction(runtime) as session:
        return UploadOut.model_validate(await uploads.finish_upload(session, upload, checked, now=now))
