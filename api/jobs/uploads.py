"""Removing files that nothing uses."""

from api.jobs.registry import job
from api.runtime import Runtime
from models.base import utc_now
from services import files, uploads


@job("uploads.drop_unattached", cron="17 * * * *")
async def drop_unattached(runtime: Runtime) -> None:
    """Remove files, then their rows: a job that dies between the two does the same again an hour later."""
    async with runtime.sessions() as session, session.begin():
        expired = await uploads.list_expired(session, now=utc_now())
    await files.remove_files(runtime.files, [upload.file_name for upload in expired])
    async with runtime.sessions() as session, session.begin():
        await uploads.forget_uploads(session, [upload.id for upload in expired])
