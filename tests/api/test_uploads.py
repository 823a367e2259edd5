"""Uploads: what is taken, what is refused, and what becomes of the rest."""

import zipfile
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from obstore.store import LocalStore
from PIL import Image
from sqlalchemy import text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from api.jobs.uploads import drop_unattached
from api.runtime import Runtime
from models.base import utc_now
from models.db import execute
from models.uploads import Upload
from services.actors import Actor
from services.uploads import MAX_UNATTACHED, NotAnImageError, UploadNotUsableError, attach_image, attach_uploads
from tests.factories import files
from tests.factories.world import SignIn, World


async def send(
    client: httpx.AsyncClient, headers: dict[str, str], content: Any, media_type: str = "image/jpeg"
) -> httpx.Response:
    """One upload."""
    return await client.post("/v1/uploads", headers=headers | {"content-type": media_type}, content=content)


def stored(runtime: Runtime, upload: Upload) -> bytes:
    """The bytes that were kept."""
    assert isinstance(runtime.files, LocalStore)
    return bytes(runtime.files.get(upload.file_name).bytes())


@pytest.fixture
async def phone(world: World, sign_in: SignIn) -> dict[str, str]:
    """Aigul's credentials."""
    return await sign_in(world.people["Aigul"].account_id)


async def test_photo_is_kept_upright_and_without_its_place(
    client: httpx.AsyncClient, session: AsyncSession, runtime: Runtime, phone: dict[str, str]
) -> None:
    sent = files.located_photo()
    assert sent.count(b"CANARY") > 2
    answer = await send(client, phone, sent, "image/jpeg; charset=binary")
    body = answer.json()
    assert (answer.status_code, body["media_type"], body["width"], body["height"]) == (201, "image/jpeg", 48, 64)
    kept = stored(runtime, await session.get_one(Upload, UUID(body["id"])))
    assert len(kept) == body["size_bytes"]
    assert b"CANARY" not in kept
    with Image.open(BytesIO(kept)) as image:
        assert not image.getexif()
        assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()


@pytest.mark.parametrize(
    ("content", "media_type", "dimensions"),
    [
        (files.picture("PNG", mode="RGBA"), "image/png", (64, 48)),
        (files.picture("PNG", mode="P"), "image/png", (64, 48)),
        (files.picture("PNG", mode="1"), "image/png", (64, 48)),
        (files.picture("PNG", mode="I;16"), "image/png", (64, 48)),
        (files.picture("JPEG", mode="CMYK"), "image/jpeg", (64, 48)),
        (files.picture("JPEG", size=(6000, 100)), "image/jpeg", (4096, 68)),
        (files.animation("MPO"), "image/jpeg", (32, 32)),  # how phones store a photo with its depth
        (files.PDF, "application/pdf", (None, None)),
        (files.docx(), files.DOCX_TYPE, (None, None)),
    ],
)
async def test_honest_files_are_taken(
    client: httpx.AsyncClient,
    phone: dict[str, str],
    content: bytes,
    media_type: str,
    dimensions: tuple[int | None, int | None],
) -> None:
    answer = await send(client, phone, content, media_type)
    body = answer.json()
    assert (answer.status_code, body["media_type"]) == (201, media_type)
    assert (body["width"], body["height"]) == dimensions


def zip_in_jpeg() -> bytes:
    """A photo that is an archive as well."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("CANARY.class", "CANARY")
    return files.picture() + archive.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (files.picture() + files.HTML + b"CANARY", "image/jpeg"),
        (files.picture(comment=files.HTML + b"CANARY"), "image/jpeg"),
        (zip_in_jpeg(), "image/jpeg"),
        (files.picture("PNG") + files.HTML + b"CANARY", "image/png"),
        (files.picture("PNG")[:33] + files.png_chunk(b"tEXt", b"CANARY\0" + files.HTML) + files.picture("PNG")[33:],
         "image/png"),
    ],
)  # fmt: skip
async def test_polyglots_lose_their_second_face(
    client: httpx.AsyncClient,
    session: AsyncSession,
    runtime: Runtime,
    phone: dict[str, str],
    content: bytes,
    media_type: str,
) -> None:
    assert b"CANARY" in content
    answer = await send(client, phone, content, media_type)
    assert answer.status_code == 201
    kept = stored(runtime, await session.get_one(Upload, UUID(answer.json()["id"])))
    assert b"CANARY" not in kept
    assert b"<script" not in kept


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (files.giant_png(), "image/png", "image_too_large"),
        (files.giant_png(7_000), "image/png", "image_too_large"),
        (files.text_bomb_png(), "image/png", "broken_file"),
        (files.animation("PNG"), "image/png", "animated_image"),
        (files.animation("GIF"), "image/gif", "unsupported_file_type"),
        (files.animation("WEBP"), "image/webp", "unsupported_file_type"),
        (files.picture()[:400], "image/jpeg", "broken_file"),
        (files.picture("PNG")[:100], "image/png", "broken_file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png", "broken_file"),
        (files.picture("PNG"), "image/jpeg", "file_type_mismatch"),
        (files.HTML, "image/png", "file_type_mismatch"),
        (files.SVG, "image/png", "file_type_mismatch"),
        (files.SVG, "image/svg+xml", "unsupported_file_type"),
        (files.HTML, "text/html", "unsupported_file_type"),
        (b"<html>" + files.PDF, "application/pdf", "file_type_mismatch"),
        (b"", "application/pdf", "file_type_mismatch"),
        (b"MZ" + bytes(100), "application/msword", "file_type_mismatch"),
        (files.picture(), "multipart/form-data; boundary=x", "unsupported_file_type"),
        (files.picture(), "", "unsupported_file_type"),
    ],
)
async def test_attacks_get_a_clear_refusal(
    client: httpx.AsyncClient, phone: dict[str, str], content: bytes, media_type: str, code: str
) -> None:
    answer = await send(client, phone, content, media_type)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_body_is_counted_while_it_arrives(client: httpx.AsyncClient, phone: dict[str, str]) -> None:
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        for _ in range(400):
            taken += 1
            yield bytes(100_000)

    answer = await send(client, phone, endless(), "application/pdf")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert taken < 250
    declared = await client.post(
        "/v1/uploads", headers=phone | {"content-type": "application/pdf", "content-length": "99999999"}, content=b"x"
    )
    assert declared.status_code == 413


async def test_strangers_upload_nothing(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    assert (await send(client, {}, files.PDF, "application/pdf")).status_code == 401
    program = await sign_in.program(world.branches["kz"], "petitions:read")
    assert (await send(client, program, files.PDF, "application/pdf")).status_code == 403


async def test_unused_files_are_limited(
    client: httpx.AsyncClient, session: AsyncSession, world: World, phone: dict[str, str]
) -> None:
    account_id = world.people["Aigul"].account_id
    session.add_all(Upload(account_id=account_id, created_at=utc_now()) for _ in range(MAX_UNATTACHED - 1))
    await session.commit()
    assert (await send(client, phone, files.PDF, "application/pdf")).status_code == 201
    refused = await send(client, phone, files.PDF, "application/pdf")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_uploads")


async def test_upload_is_used_once_by_its_owner_within_a_day(
    client: httpx.AsyncClient, session: AsyncSession, world: World, phone: dict[str, str]
) -> None:
    upload_id = UUID((await send(client, phone, files.PDF, "application/pdf")).json()["id"])
    owner, other = Actor(world.people["Aigul"].account_id), Actor(world.people["Marat"].account_id)
    now = utc_now()
    for actor, ids, moment in (
        (other, [upload_id], now),
        (owner, [upload_id], now + timedelta(hours=24, seconds=1)),
        (owner, [upload_id, uuid4()], now),
        (owner, [upload_id, upload_id], now),
    ):
        async with session.begin_nested() as attempt:
            with pytest.raises(UploadNotUsableError):
                await attach_uploads(session, actor, ids, now=moment)
            await attempt.rollback()
    assert [upload.id for upload in await attach_uploads(session, owner, [upload_id], now=now)] == [upload_id]
    with pytest.raises(UploadNotUsableError):
        await attach_uploads(session, owner, [upload_id], now=now)


async def test_cover_must_be_a_picture(
    client: httpx.AsyncClient, session: AsyncSession, world: World, phone: dict[str, str]
) -> None:
    owner = Actor(world.people["Aigul"].account_id)
    photo = UUID((await send(client, phone, files.picture())).json()["id"])
    paper = UUID((await send(client, phone, files.PDF, "application/pdf")).json()["id"])
    assert (await attach_image(session, owner, photo, now=utc_now())).id == photo
    with pytest.raises(NotAnImageError):
        await attach_image(session, owner, paper, now=utc_now())


async def test_what_nothing_uses_is_removed_after_a_day(
    client: httpx.AsyncClient, session: AsyncSession, world: World, runtime: Runtime, phone: dict[str, str]
) -> None:
    owner = Actor(world.people["Aigul"].account_id)
    ids = [UUID((await send(client, phone, files.PDF, "application/pdf")).json()["id"]) for _ in range(3)]
    unfinished = Upload(account_id=owner.require_account(), created_at=utc_now() - timedelta(days=2))
    session.add(unfinished)
    await attach_uploads(session, owner, ids[:1], now=utc_now())
    await session.exec(
        update(Upload).where(col(Upload.id).in_(ids[:2])).values(created_at=utc_now() - timedelta(hours=26))
    )
    await session.commit()
    session.expire_all()
    old = [await session.get_one(Upload, upload_id) for upload_id in ids]
    assert isinstance(runtime.files, LocalStore)
    await runtime.files.put_async(old[1].file_name, files.PDF)
    await execute(session, text("SET LOCAL ROLE unqatu_worker"))
    await session.commit()
    await drop_unattached(runtime)
    left = (await session.exec(select(Upload.id))).all()
    assert set(left) == {ids[0], ids[2]}
    with pytest.raises(FileNotFoundError):
        await runtime.files.head_async(old[1].file_name)
    assert stored(runtime, old[2]) == files.PDF
