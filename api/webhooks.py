"""What we send to others, for the OpenAPI document: nothing here is ever called."""

from typing import Annotated

from fastapi import APIRouter, status
from pydantic import Field

from api.types import Out
from models.push import Cause

router = APIRouter(tags=["member"])


class PushOut(Out):
    """All that a notification carries besides its text.

    `type`: what happened; `id`: the notification in the inbox; `link`: what the app opens, as kind and id.
    """

    type: Cause
    id: Annotated[str, Field(examples=["01990c5e-4b7a-7c31-9d52-0a6f1f7c2b11"])]
    link: Annotated[str, Field(examples=["poll/01990c5e-4b7a-7c31-9d52-0a6f1f7c2b11"])]


@router.post(
    "push", summary="A notification's payload", operation_id="receive_push", status_code=status.HTTP_204_NO_CONTENT
)
async def receive_push(body: PushOut) -> None:
    """The app gets this from FCM or APNs, as the data of a notification; it answers nothing.

    A notification may come twice, and replaces its predecessor on the phone. The inbox has all of them.
    """
