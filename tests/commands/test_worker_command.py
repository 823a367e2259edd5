"""What the worker's command refuses."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_production_refuses_a_push_sender_that_reaches_nobody(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "UNQATU_ENVIRONMENT": "production",
        "UNQATU_SMS_SENDER": "gateway:make",
        "UNQATU_DATA_FOLDER": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "api", "worker"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "UNQATU_PUSH_SENDER=fcm" in ended.stderr
    assert "Traceback" not in ended.stderr
