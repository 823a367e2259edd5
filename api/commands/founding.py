"""unqatu admin found: the first step on an empty database."""

from typing import Annotated

from cyclopts import Parameter

from api.commands.errors import CommandError
from api.runtime import running
from api.settings import Settings
from models.base import utc_now
from services.founding import AlreadyFoundedError, found_organisation
from services.phones import InvalidPhoneError


async def found(
    *,
    phone: Annotated[str, Parameter(help="Of the first head-office admin, who signs in with it.")],
    name_kk: Annotated[str, Parameter(help="What the head office is called, in Kazakh.")],
    name_ru: Annotated[str, Parameter(help="The same in Russian.")],
    code: Annotated[str, Parameter(help="Of the root, in paths: small letters and digits.")] = "kz",
) -> str:
    """Make the root of the organisation tree and its first head-office admin."""
    async with running(Settings()) as runtime, runtime.sessions() as session, session.begin():
        try:
            account_id = await found_organisation(
                session,
                runtime.keys,
                code=code,
                name={"kk": name_kk, "ru": name_ru},
                phone=phone,
                now=utc_now(),
            )
        except InvalidPhoneError as error:
            raise CommandError("This is no phone number: write it as +77011234567") from error
        except AlreadyFoundedError as error:
            raise CommandError("The organisation is founded already: its admins appoint others") from error
    return f"Founded. The account of the first admin is {account_id}."
