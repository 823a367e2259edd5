"""The real firebase-admin against the local FCM server, with a real service-account file."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.fcm import FcmSender
from tests.push.fcm_server import FcmServer


@pytest.fixture
async def fcm() -> AsyncIterator[FcmServer]:
    """The server; it shares the test's event loop, so that a loop that is blocked gets no answer."""
    async with FcmServer() as server:
        yield server


@pytest.fixture
def credentials_file(fcm: FcmServer, tmp_path: Path) -> Path:
    """A service account whose token service is the local server."""
    path = tmp_path / "service-account.json"
    path.write_text(json.dumps(fcm.service_account))
    return path


@pytest.fixture
async def sender(fcm: FcmServer, credentials_file: Path) -> AsyncIterator[FcmSender]:
    """A sender that has not asked for a token yet."""
    fcm_sender = FcmSender(credentials_file, url=fcm.url)
    yield fcm_sender
    await fcm_sender.close()
