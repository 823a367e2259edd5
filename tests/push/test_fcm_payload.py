"""The bytes that FCM gets."""

import time

from push.fcm import FcmSender
from push.sender import AddressKind, Platform, Priority
from tests.push.fcm_server import FcmServer
from tests.push.messages import PHONE, message

NOTIFICATION = {"title": "Жаңа сауалнама", "body": "Пікіріңізді білдіріңіз"}
DATA = {"type": "poll_opened", "id": "0199", "link": "unqatu://polls/0199"}


async def test_android_gets_tag_channel_private_visibility_ttl_and_nothing_else(
    fcm: FcmServer, sender: FcmSender
) -> None:
    await sender.send([message()])

    [received] = fcm.received
    assert received.message == {
        "fid": PHONE,
        "notification": NOTIFICATION,
        "data": DATA,
        "android": {
            "priority": "high",
            "ttl": "3600s",
            "notification": {"tag": "survey-0199", "channel_id": "polls", "visibility": "PRIVATE"},
        },
    }
    assert "Жаңа сауалнама".encode() in received.body
    assert b"validate_only" not in received.body
    assert received.headers["authorization"] == "Bearer access-1"


async def test_ios_gets_collapse_id_expiry_and_nothing_of_android(fcm: FcmServer, sender: FcmSender) -> None:
    earliest = int(time.time()) + 3600
    await sender.send([message(platform=Platform.IOS, address_kind=AddressKind.TOKEN)])
    latest = int(time.time()) + 3600

    [received] = fcm.received
    expiration = received.message["apns"]["headers"].pop("apns-expiration")
    assert earliest <= int(expiration) <= latest
    assert received.message | {"apns": None} == {
        "token": PHONE,
        "notification": NOTIFICATION,
        "data": DATA,
        "apns": None,
    }
    headers = received.message["apns"]["headers"]
    assert headers["apns-collapse-id"] == "survey-0199"
    assert headers["apns-priority"] == "10"


async def test_a_message_for_now_or_never_says_so(fcm: FcmServer, sender: FcmSender) -> None:
    await sender.send([message("android", ttl_seconds=0), message("ios", platform=Platform.IOS, ttl_seconds=0)])

    sent = {received.address: received.message for received in fcm.received}
    assert sent["android"]["android"]["ttl"] == "0s"
    assert sent["ios"]["apns"]["headers"]["apns-expiration"] == "0"


async def test_normal_priority_lets_phones_sleep(fcm: FcmServer, sender: FcmSender) -> None:
    android = message("android", priority=Priority.NORMAL)
    ios = message("ios", platform=Platform.IOS, priority=Priority.NORMAL)
    await sender.send([android, ios])

    sent = {received.address: received.message for received in fcm.received}
    assert sent["android"]["android"]["priority"] == "normal"
    assert sent["ios"]["apns"]["headers"]["apns-priority"] == "5"
