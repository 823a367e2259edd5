"""The tour of the README, pasted into a shell next to a running demo."""

import re
import subprocess
from pathlib import Path

from tests.demo.processes import PATIENCE_S, ROOT, running_demo

TOUR = re.compile(r"## A five-minute tour\n(.*?)\n## ", re.DOTALL)
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
MEMBER_PHONE = "+77000000001"


def script() -> str:
    """The blocks of the tour, one after another."""
    tour = TOUR.search((ROOT / "README.md").read_text())
    assert tour is not None
    return "\n".join(BLOCK.findall(tour[1]))


def test_tour_works_when_pasted(folder: Path) -> None:
    with running_demo(folder) as demo:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script()],
            cwd=folder.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert shell.stdin is not None
        # What the person does: read the SMS in the other window, type its code.
        sms = demo.wait_for(f"sms to={MEMBER_PHONE} ")
        code = re.findall(r"\b\d{6}\b", sms)[-1]
        said, _ = shell.communicate(f"{code}\n", timeout=PATIENCE_S)
        assert shell.returncode == 0, said
    for word in (
        "Сәрсенова",
        "published",
        "Открыт новый мост",
        "open",
        "already_answered",
        "Шам ауыстырылды.",
        "Bearer",
    ):
        assert word in said, said
