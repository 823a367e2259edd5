"""Signing in as a phone does: ask for a code, read the SMS, send the code back."""

import re
from dataclasses import dataclass, field, replace
from uuid import uuid4

import httpx

from api.jobs.sign_in import send_code
from api.runtime import Runtime


@dataclass
class SmsInbox:
    """A sender that keeps what it was given, as (phone, text)."""

    texts: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, phone: str, text: str) -> None:
        self.texts.append((phone, text))


@dataclass(frozen=True)
class Phone:
    """A phone with its SIM card, and the API it talks to."""

    client: httpx.AsyncClient
    runtime: Runtime
    number: str = "+77015550101"

    async def ask(self) -> httpx.Response:
        """Ask for a code."""
        return await self.client.post("/v1/auth/codes", json={"phone": self.number})

    async def challenge(self) -> str:
        """Ask for a code; the id of its challenge."""
        answer = await self.ask()
        assert answer.status_code == 202, answer.text
        return str(answer.json()["challenge_id"])

    async def read_code(self, challenge_id: str) -> str:
        """The code in the SMS that the worker's job sends."""
        inbox = SmsInbox()
        await send_code(replace(self.runtime, sms=inbox), challenge_id=challenge_id)
        ((phone, text),) = inbox.texts
        assert phone == self.number
        (code,) = re.findall(r"\b[0-9]{6}\b", text)
        return str(code)

    async def answer(self, challenge_id: str, code: str, installation_id: str | None = None) -> httpx.Response:
        """Send a code back."""
        body = {"challenge_id": challenge_id, "code": code, "installation_id": installation_id or str(uuid4())}
        return await self.client.post("/v1/auth/sessions", json=body)

    async def sign_in(self, installation_id: str | None = None) -> dict[str, str]:
        """The whole way; the tokens."""
        challenge_id = await self.challenge()
        answer = await self.answer(challenge_id, await self.read_code(challenge_id), installation_id)
        assert answer.status_code == 201, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    async def refresh(self, token: str) -> httpx.Response:
        """Exchange a refresh token."""
        return await self.client.post("/v1/auth/sessions/refresh", json={"refresh_token": token})

    async def get_me(self, access_token: str) -> httpx.Response:
        """Who am I."""
        return await self.client.get("/v1/me", headers={"authorization": f"Bearer {access_token}"})


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10**6:06d}"
