"""What a phone is told: a generic text in its language, and where to go. Nothing personal, and nothing of the thing
itself: a lock screen is read by others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.base import Language
from models.push import Cause, LinkKind, PushCampaign
from push.sender import TTL_SECONDS_MAX, AddressKind, Message, Payload, Platform
from services.push.audience import Recipient


@dataclass(frozen=True, slots=True)
class Text:
    """A notification as people read it."""

    title: str
    body: str


Render = Callable[[Cause, Language], Text]


def collapse_key(campaign: PushCampaign) -> str:
    """What makes a repeat replace the notification that is there: a poll's reminder replaces its opening."""
    kind = "survey" if campaign.link_kind is LinkKind.poll else campaign.link_kind.value
    return f"{kind}-{campaign.link_id}"


def build_messages(
    campaign: PushCampaign, recipients: Sequence[Recipient], *, render: Render, now: datetime
) -> list[Message]:
    """One message a device, in the device's language."""
    ttl_s = int((campaign.expires_at - now).total_seconds())
    return [
        build_message(
            campaign, recipient, render(campaign.cause, recipient.language), min(max(ttl_s, 0), TTL_SECONDS_MAX)
        )
        for recipient in recipients
    ]


def build_message(campaign: PushCampaign, recipient: Recipient, text: Text, ttl_s: int) -> Message:
    """The message for one device. `type` is the cause, `id` the campaign in the inbox, `link` what the app opens."""
    return Message(
        address=recipient.address,
        address_kind=AddressKind(recipient.address_kind.value),
        platform=Platform(recipient.platform.value),
        language=recipient.language.value,
        title=text.title,
        body=text.body,
        data=Payload(
            type=campaign.cause.value, id=str(campaign.id), link=f"{campaign.link_kind.value}/{campaign.link_id}"
        ),
        collapse_key=collapse_key(campaign),
        channel=campaign.category.value,
        ttl_seconds=ttl_s,
    )
