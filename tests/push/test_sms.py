"""Which SMS sender a process gets, and that production never gets the one that shows codes."""

import io
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.runtime import build_sms_sender
from api.settings import Environment, Settings
from push.sms import ConsoleSmsSender


async def test_console_sender_writes_one_line_a_text() -> None:
    stream = io.StringIO()
    await ConsoleSmsSender(stream).send("+77015550101", "код\n123456")
    assert stream.getvalue() == 'sms to=+77015550101 text="код\\n123456"\n'


def test_console_is_the_default_and_writes_to_standard_output() -> None:
    sender = build_sms_sender(Settings(environment=Environment.demo).sms_sender)
    assert isinstance(sender, ConsoleSmsSender)
    assert sender.stream is sys.stdout


def test_factory_is_loaded_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "our_gateway.py").write_text("class Sender:\n    async def send(self, phone, text): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert type(build_sms_sender("our_gateway:Sender")).__name__ == "Sender"


@pytest.mark.parametrize("name", ["no_such_module:factory", "push.sms:no_such_factory"])
def test_factory_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"UNQATU_SMS_SENDER names no factory: {name}"):
        build_sms_sender(name)


@pytest.mark.parametrize("name", ["", "file", "push.sms", "push/sms:x", "push.sms:"])
def test_setting_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Settings(environment=Environment.demo, sms_sender=name)


def test_production_refuses_the_console() -> None:
    with pytest.raises(ValidationError, match="console SMS sender"):
        Settings(environment=Environment.production)
    assert Settings(environment=Environment.production, sms_sender="push.sms:gateway").sms_sender
