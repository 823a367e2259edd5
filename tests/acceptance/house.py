"""The house as it runs for real, only smaller: server and worker processes on a database of their own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx
import pyotp

from push.console import address_hash
from tests.demo.processes import ROOT, free_port

PATIENCE_S: Final = 60
Found = TypeVar("Found")


def wait_until(look: Callable[[], Found | None], what: str) -> Found:
    """What `look` finds, as soon as it does."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen")


@dataclass
class Part:
    """A running process of the house; `said` grows with what it prints."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what it says."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said.append(line)


@contextmanager
def running(command: str, environment: dict[str, str]) -> Iterator[Part]:
    """Run `unqatu <command>` until the block ends; it must then end by itself, in good order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api", command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    part = Part(process)
    reader = Thread(target=part.listen)
    reader.start()
    try:
        yield part
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        reader.join()


@dataclass(frozen=True)
class House:
    """The running parts, and where they are found."""

    url: str
    worker: Part
    environment: dict[str, str]
    push_log: Path

    @contextmanager
    def another_server(self, **settings: str) -> Iterator[str]:
        """The address of one more server process with settings of its own."""
        port = free_port()
        with running("serve", self.environment | settings | {"UNQATU_PORT": str(port)}) as server:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, server)
            yield url

    def texts_to(self, phone: str) -> list[str]:
        """The SMS to a phone so far, as the worker's console shows them."""
        return [line.partition(" text=")[2] for line in list(self.worker.said) if f"sms to={phone} " in line]

    def pushed(self, link_id: str) -> list[str]:
        """Hashes of the addresses that were told about a thing, repeats included."""
        lines = self.push_log.read_text().splitlines() if self.push_log.exists() else []
        records = (json.loads(line) for line in lines)
        return sorted(record["address_hash"] for record in records if record["link"].endswith(f"/{link_id}"))


@contextmanager
def running_house(database_url: str, folder: Path) -> Iterator[House]:
    """A server and a worker on a database and a folder that has keys."""
    port, log = free_port(), folder / "push.jsonl"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNQATU_")}
    environment = kept | {
        "DATABASE_URL": database_url,
        "UNQATU_ENVIRONMENT": "test",
        "UNQATU_DATA_FOLDER": str(folder),
        "UNQATU_PORT": str(port),
        "UNQATU_PUSH_LOG": str(log),
        "UNQATU_QUIET_HOURS": "off",
        "PYTHONUNBUFFERED": "1",
    }
    with running("serve", environment) as server, running("worker", environment) as worker:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, server)
        yield House(url, worker, environment, log)
    # uvicorn, when it has ended in good order, ends once more by the signal that asked for it.
    assert server.process.returncode in {0, -signal.SIGTERM}, server.said[-20:]
    assert worker.process.returncode == 0, worker.said[-20:]


def wait_until_ready(url: str, server: Part) -> None:
    """Wait for the server's own word."""

    def look() -> bool:
        assert server.process.poll() is None, server.said[-20:]
        try:
            return httpx.get(f"{url}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(look, "readiness")


@dataclass
class Phone:
    """The app on one person's phone."""

    house: House
    number: str
    installation_id: str = field(default_factory=lambda: str(uuid4()))
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def address_hash(self) -> str:
        """How the push log names this phone."""
        return address_hash(f"address-{self.installation_id}")

    def call(self, method: str, path: str, *, expect: int = 200, url: str | None = None, **options: Any) -> Any:
        """One request; the JSON of the answer, which must have the expected status."""
        headers = {"accept-language": "kk"} | options.pop("headers", {})
        if self.tokens:
            headers["authorization"] = f"Bearer {self.tokens['access_token']}"
        answer = httpx.request(method, f"{url or self.house.url}{path}", headers=headers, timeout=30, **options)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def sign_in(self, *, url: str | None = None) -> dict[str, Any]:
        """Ask for a code, read the SMS, send the code back; the tokens."""
        before = len(self.house.texts_to(self.number))
        challenge = self.call("POST", "/v1/auth/codes", expect=202, json={"phone": self.number})
        (text,) = wait_until(lambda: self.house.texts_to(self.number)[before:], f"an SMS to {self.number}")
        (code,) = re.findall(r"\b\d{6}\b", text)
        answer = {"challenge_id": challenge["challenge_id"], "code": code, "installation_id": self.installation_id}
        self.tokens = self.call("POST", "/v1/auth/sessions", expect=201, url=url, json=answer)
        return self.tokens

    def register_device(self) -> None:
        """Tell where push finds this phone."""
        body = {
            "address": f"address-{self.installation_id}",
            "address_kind": "token",
            "platform": "android",
            "language": "kk",
            "app_version": "1.0.0",
        }
        self.call("PUT", f"/v1/me/devices/{self.installation_id}", expect=204, json=body)

    def raise_session(self) -> None:
        """Enrol a second factor and use it."""
        uri = self.call("POST", "/v1/auth/second-factor/enrolment", expect=201)["otpauth_uri"]
        code = pyotp.parse_uri(uri).now()  # type: ignore[union-attr]  # a TOTP
        self.call("POST", "/v1/auth/second-factor", json={"code": code})
