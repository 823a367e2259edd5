"""What a file may be: sniffed, not believed; pictures are drawn anew, so that nothing else in them survives.

Sizes are checked before anything is decoded: a picture of 20,000 x 20,000 costs its header.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Final

import filetype
import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore
from PIL import Image, ImageOps
from PIL.Image import Resampling

from services.errors import InvalidError, UnavailableError

MAX_FILE_BYTES: Final = 20 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 4096
SNIFFED_BYTES: Final = 8192
CHUNK_BYTES: Final = 256 * 1024

IMAGE_TYPES: Final = {"image/jpeg": "JPEG", "image/png": "PNG"}
"""Media types of pictures, with Pillow's names. Few on purpose: each decoder is a door."""
OFFICE: Final = "application/vnd.openxmlformats-officedocument."
DOCUMENT_TYPES: Final = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    f"{OFFICE}wordprocessingml.document": "docx",
    f"{OFFICE}spreadsheetml.sheet": "xlsx",
    f"{OFFICE}presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
}
EXTENSIONS: Final = {"image/jpeg": "jpg", "image/png": "png"} | DOCUMENT_TYPES
"""Every media type that is taken, with the ending of its downloads."""
SAVING: Final[dict[str, dict[str, int | bool]]] = {"JPEG": {"quality": 85, "progressive": True}, "PNG": {}}

# Two at a time: a picture of 40 megapixels takes 160 MB while it is open.
painters = ThreadPoolExecutor(2, thread_name_prefix="images")


class UnsupportedFileTypeError(InvalidError):
    """Only JPEG, PNG, PDF and office files are taken."""

    code = "unsupported_file_type"


class FileTypeMismatchError(InvalidError):
    """The file is not what its Content-Type says."""

    code = "file_type_mismatch"


class ImageTooLargeError(InvalidError):
    """The picture has too many pixels."""

    code = "image_too_large"


class AnimatedImageError(InvalidError):
    """Only still pictures are taken."""

    code = "animated_image"


class BrokenFileError(InvalidError):
    """The file cannot be read to its end."""

    code = "broken_file"


class FilesUnavailableError(UnavailableError):
    """The file store does not answer."""

    code = "files_unavailable"


@dataclass(frozen=True)
class CheckedFile:
    """A file fit for keeping. `width` and `height` in pixels, of pictures only."""

    media_type: str
    content: IO[bytes]
    size_bytes: int
    width: int | None = None
    height: int | None = None


def check_declared_type(media_type: str) -> str:
    """The media type of a Content-Type header, without parameters.

    Raises:
        UnsupportedFileTypeError: it is none that is taken.
    """
    plain = media_type.partition(";")[0].strip().lower()
    if plain not in EXTENSIONS:
        raise UnsupportedFileTypeError(accepted=sorted(EXTENSIONS))
    return plain


async def check_file(content: IO[bytes], media_type: str) -> CheckedFile:
    """Make sure that a file is what it says, and draw a picture anew without its metadata (place, time, owner).

    Args:
        content: at its start, at most 20 MB.
        media_type: one that `check_declared_type` let pass.

    Raises:
        FileTypeMismatchError, ImageTooLargeError, AnimatedImageError, BrokenFileError.
    """
    found = filetype.guess(content.read(SNIFFED_BYTES))
    sniffed = found.mime.replace("image/apng", "image/png") if found else None
    if sniffed != media_type:
        raise FileTypeMismatchError
    if media_type in IMAGE_TYPES:
        content.seek(0)
        return await asyncio.get_running_loop().run_in_executor(painters, redraw, content, media_type)
    size_bytes = content.seek(0, 2)
    content.seek(0)
    return CheckedFile(media_type, content, size_bytes)


def redraw(content: IO[bytes], media_type: str) -> CheckedFile:
    """Decode a picture, turn it upright, shrink it to 4,096 pixels a side and encode it again."""
    kind = IMAGE_TYPES[media_type]
    try:
        with Image.open(content, formats=[kind]) as image:
            check_image(image, kind)
            image.thumbnail((MAX_SIDE, MAX_SIDE), Resampling.LANCZOS)
            upright = ImageOps.exif_transpose(image)
            clean = upright.convert(plain_mode(upright, kind))
    except InvalidError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(max_pixels=MAX_PIXELS) from error
    except Exception as error:  # decoders raise whatever they like over hostile bytes
        raise BrokenFileError from error
    clean.info.clear()  # comments, colour profiles and what else the encoder would carry over
    drawn = BytesIO()
    clean.save(drawn, kind, **SAVING[kind])
    size_bytes = drawn.tell()
    drawn.seek(0)
    return CheckedFile(media_type, drawn, size_bytes, clean.width, clean.height)


def check_image(image: Image.Image, kind: str) -> None:
    """Judge a picture by its header. A JPEG with a second picture in it (MPO, gain maps) counts as its first."""
    if image.width * image.height > MAX_PIXELS:
        raise ImageTooLargeError(max_pixels=MAX_PIXELS)
    if kind == "PNG" and getattr(image, "is_animated", False):
        raise AnimatedImageError


def plain_mode(image: Image.Image, kind: str) -> str:
    """The simplest of L, RGB and RGBA that holds the picture."""
    if kind == "PNG" and image.has_transparency_data:
        return "RGBA"
    return "L" if image.mode in {"1", "L"} else "RGB"


async def put_file(store: ObjectStore, name: str, checked: CheckedFile) -> None:
    """Keep a file under a name of ours.

    Raises:
        FilesUnavailableError: the store does not take it.
    """
    try:
        await obstore.put_async(store, name, checked.content)
    except (BaseError, OSError) as error:
        raise FilesUnavailableError(retry_after_s=5) from error


async def remove_files(store: ObjectStore, names: list[str]) -> None:
    """Remove files; those that are gone already do not matter."""
    for name in names:
        try:
            await obstore.delete_async(store, name)
        except FileNotFoundError:
            continue
