"""The checks of files against hostile bytes, with bounded memory."""

import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.files import IMAGE_TYPES, AnimatedImageError, BrokenFileError, ImageTooLargeError, redraw
from tests.factories import files

SEEDS = {"image/jpeg": files.located_photo(), "image/png": files.picture("PNG", mode="P")}

LIMITED = """
import resource, sys
from io import BytesIO
from pathlib import Path
from services.errors import DomainError
from services.files import redraw
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]) * 2**20,) * 2)
try:
    drawn = redraw(BytesIO(Path(sys.argv[1]).read_bytes()), "image/png")
    print(drawn.width, drawn.height)
except DomainError as error:
    print(error.code)
"""


def redraw_limited(file: Path, megabytes: int) -> str:
    """What becomes of a PNG in a process with so much memory to spare."""
    command = [sys.executable, "-c", LIMITED, str(file), str(megabytes)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_giant_costs_its_header_and_the_largest_allowed_fits(tmp_path: Path) -> None:
    giant, largest = tmp_path / "giant.png", tmp_path / "largest.png"
    giant.write_bytes(files.giant_png())
    largest.write_bytes(files.giant_png(6_300))
    assert redraw_limited(giant, 24) == "image_too_large"
    assert redraw_limited(largest, 400) == "4096 4096"


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(IMAGE_TYPES)),
    damage=st.lists(st.tuples(st.integers(8, 1200), st.binary(max_size=4)), min_size=1, max_size=8),
    cut=st.integers(20, 1500),
)
def test_damaged_pictures_are_drawn_or_refused(kind: str, damage: list[tuple[int, bytes]], cut: int) -> None:
    content = bytearray(SEEDS[kind])
    for place, change in damage:
        content[place : place + len(change)] = change
    kept = b""
    with suppress(BrokenFileError, ImageTooLargeError, AnimatedImageError):
        kept = redraw(BytesIO(bytes(content[:cut])), kind).content.read()
    assert b"CANARY" not in kept
