"""The phone's push address."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import Field, StringConstraints

from api.deps import CurrentActor, Now, Session
from api.openapi import problems
from api.types import In
from models.base import Language
from models.push import AddressKind, Platform
from services import devices

router = APIRouter(prefix="/v1/me/devices", tags=["member"])


class DeviceIn(In):
    """Where the push service finds this installation of the app."""

    address: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,1024}$"), Field(examples=["f1s-Ee0x:APA91bHq"])]
    address_kind: AddressKind
    platform: Platform
    language: Language
    app_version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.+-]{1,32}$"), Field(examples=["1.4.2"])]


@router.put(
    "/{installation_id}",
    summary="Register this phone for push",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(devices.OtherInstallationError),
)
async def register_device(
    installation_id: UUID, body: DeviceIn, session: Session, actor: CurrentActor, now: Now
) -> None:
    """At every start of the app, for the installation that the session was opened on. It belongs to the account that
    registered it last; the address is never shown again."""
    await devices.register_device(
        session,
        actor,
        installation_id,
        address=body.address,
        address_kind=body.address_kind,
        platform=body.platform,
        language=body.language,
        app_version=body.app_version,
        now=now,
    )


@router.delete(
    "/{installation_id}",
    summary="Stop push to this phone",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(),
)
async def remove_device(installation_id: UUID, session: Session, actor: CurrentActor) -> None:
    """An installation that is unknown, or another account's by now, is left alone: the answer is the same."""
    await devices.forget_devices(session, actor.require_account(), [installation_id])
