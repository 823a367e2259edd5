"""unqatu admin reset-second-factor: what an operator does for somebody who cannot sign in."""

from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from api.commands.errors import CommandError
from api.runtime import running
from api.settings import Settings
from models.base import utc_now
from services.errors import NotFoundError
from services.sign_in import second_factor


async def reset_second_factor(
    *, account_id: Annotated[UUID, Parameter(help="Of the person who lost the authenticator app.")]
) -> str:
    """Take a second factor away, so that its owner can enrol a new one. It is written in the audit."""
    async with running(Settings()) as runtime, runtime.sessions() as session, session.begin():
        try:
            await second_factor.reset(session, account_id, now=utc_now())
        except NotFoundError as error:
            raise CommandError("There is no such account") from error
    return "The second factor is reset."
