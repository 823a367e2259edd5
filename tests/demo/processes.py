"""Running the demo as a person does: as a process, on a folder and a port of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 90


def free_port() -> int:
    """A port that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(folder: Path, port: int) -> dict[str, str]:
    """The environment of a person who has set nothing but the folder and the port."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UNQATU_", "DATABASE_URL"))}
    return kept | {"UNQATU_DATA_FOLDER": str(folder), "UNQATU_PORT": str(port), "PYTHONUNBUFFERED": "1"}


def command(*arguments: str) -> list[str]:
    """`unqatu …`."""
    return [sys.executable, "-m", "api", *arguments]


def unqatu(folder: Path, *arguments: str, port: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(folder, port) | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


@dataclass
class Demo:
    """A running `unqatu demo`; `said` grows with what it prints."""

    process: subprocess.Popen[str]
    folder: Path
    port: int
    said: list[str] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        """What demo.env sets."""
        lines = (self.folder / "demo.env").read_text().splitlines()
        return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}

    def wait_for(self, text: str) -> str:
        """The line with `text`, once it is printed."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for line in list(self.said):
                if text in line:
                    return line
            assert self.process.poll() is None, "".join(self.said)
            time.sleep(0.05)
        raise AssertionError(f"{text} was not said:\n{''.join(self.said)}")

    def family(self) -> list[psutil.Process]:
        """This process and all that it has started."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


@contextmanager
def running_demo(folder: Path, **more: str) -> Iterator[Demo]:
    """Start the demo and wait for its screen; whatever the test leaves is stopped."""
    port = free_port()
    process = subprocess.Popen(
        command("demo"),
        cwd=ROOT,
        env=environment(folder, port) | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    demo = Demo(process, folder, port)
    reader = Thread(target=listen, args=(demo,))
    reader.start()
    try:
        demo.wait_for("demo.env` sets")
        yield demo
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        reader.join()


def listen(demo: Demo) -> None:
    """Keep what the demo says."""
    assert demo.process.stdout is not None
    with demo.process.stdout as lines:
        for line in lines:
            demo.said.append(line)
