"""Messages with fixed, readable contents."""

from push.sender import AddressKind, Message, Payload, Platform, Priority

PHONE = "fid-of-aigerims-phone"


def message(
    address: str = PHONE,
    *,
    address_kind: AddressKind = AddressKind.FID,
    platform: Platform = Platform.ANDROID,
    title: str = "Жаңа сауалнама",
    collapse_key: str = "survey-0199",
    ttl_seconds: int = 3600,
    priority: Priority = Priority.HIGH,
) -> Message:
    """A message about a new survey, in Kazakh."""
    return Message(
        address=address,
        address_kind=address_kind,
        platform=platform,
        language="kk",
        title=title,
        body="Пікіріңізді білдіріңіз",
        data=Payload(type="poll_opened", id="0199", link="unqatu://polls/0199"),
        collapse_key=collapse_key,
        channel="polls",
        ttl_seconds=ttl_seconds,
        priority=priority,
    )
