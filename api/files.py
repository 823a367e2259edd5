"""Files over HTTP: bodies that come in pieces, and answers that stream from the file store."""

from tempfile import SpooledTemporaryFile
from typing import IO, Final

import obstore
from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from obstore.exceptions import BaseError
from obstore.store import ObjectStore
from starlette.types import Receive, Scope, Send

from models.uploads import Upload
from services.files import CHUNK_BYTES, EXTENSIONS, MAX_FILE_BYTES, FilesUnavailableError

IN_MEMORY_BYTES: Final = 512 * 1024


def declared_length(request: Request) -> int:
    """The Content-Length, or 0 without one: the count while reading decides anyway."""
    declared = request.headers.get("content-length", "0")
    return int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 20 else MAX_FILE_BYTES + 1


async def receive_file(request: Request) -> IO[bytes]:
    """Read a body of at most 20 MB into a file without a name; small ones stay in memory.

    Raises:
        HTTPException: 413 as soon as the limit is passed.
    """
    if declared_length(request) > MAX_FILE_BYTES:
        raise HTTPException(413)
    received: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  # the caller closes it
    try:
        async for piece in request.stream():
            received.write(piece)
            if received.tell() > MAX_FILE_BYTES:
                raise HTTPException(413)
    except BaseException:
        received.close()
        raise
    received.seek(0)
    return received


class StoredFile(Response):
    """A file from the store, always as a download unless `inline`. It is fetched when the answer is sent, and so after
    the request's transaction."""

    def __init__(self, store: ObjectStore, upload: Upload, *, inline: bool = False) -> None:
        super().__init__()
        self.store, self.name = store, upload.file_name
        media_type = upload.media_type or "application/octet-stream"
        disposition = "inline" if inline else "attachment"
        # A picture shown in a list is fetched once a day; what is downloaded is nobody's to keep.
        cache_control = "private, max-age=86400" if inline else "no-store"
        self.file_headers = {
            "content-type": media_type,
            "cache-control": cache_control,
            "content-length": str(upload.size_bytes),
            "content-disposition": f'{disposition}; filename="{upload.id}.{EXTENSIONS.get(media_type, "bin")}"',
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the file, then stream it.

        Raises:
            FilesUnavailableError: the store does not give it.
        """
        try:
            found = await obstore.get_async(self.store, self.name)
        except (BaseError, OSError) as error:
            raise FilesUnavailableError(retry_after_s=5) from error
        pieces = found.stream(min_chunk_size=CHUNK_BYTES)
        await StreamingResponse((bytes(piece) async for piece in pieces), headers=self.file_headers)(
            scope, receive, send
        )
