"""The installer, run as a person runs it, on a small project with a build backend of its own: no network is needed."""

import ast
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.embedded.processes import ROOT

_PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1"
"""

_METADATA = "Metadata-Version: 2.1\nName: small\nVersion: 1\nProvides-Extra: dev\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: small\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_BACKEND = """
import zipfile
from pathlib import Path

def get_requires_for_build_editable(config_settings=None):
    return []

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "small-1-py3-none-any.whl"
    files = {
        "small.pth": str(Path.cwd()),
        "small-1.dist-info/METADATA": METADATA,
        "small-1.dist-info/WHEEL": WHEEL,
    }
    record = "".join(f"{path},,\\n" for path in files) + "small-1.dist-info/RECORD,,\\n"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        for path, text in {**files, "small-1.dist-info/RECORD": record}.items():
            wheel.writestr(path, text)
    return name
"""


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let pip find nothing but a closed port, and give up at once."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    with socket.socket() as closed:  # bound, so that nobody else gets the port, but not listening
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("NO_PROXY", "*")
        yield


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without dependencies, with the real installer."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "install.py", folder)
    (folder / "pyproject.toml").write_text(_PYPROJECT)
    (folder / "constraints.txt").write_text("")
    backend(folder)
    return folder


@pytest.fixture(scope="module")
def installer() -> ModuleType:
    """The installer as a module, to ask single functions."""
    spec = spec_from_file_location("install", ROOT / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def backend(project: Path, requires: str = "", fails: str = "") -> None:
    """Write the project's build backend: one that requires a package, or that fails with some words."""
    metadata = _METADATA + (f"Requires-Dist: {requires}\n" if requires else "")
    lines = [f"METADATA = {metadata!r}", f"WHEEL = {_WHEEL!r}", _BACKEND]
    if fails:
        lines.append(f"def build_editable(*_, **__):\n    raise SystemExit({fails!r})\n")
    (project / "backend.py").write_text("\n".join(lines))


def command(project: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(project / "install.py"), *arguments]


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(project, *arguments), capture_output=True, text=True, check=False)


def refusal(project: Path) -> str:
    """The one sentence that a failing run ends with."""
    done = run(project)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (project / ".venv" / "installed").exists()
    return done.stderr.strip()


def installed(project: Path) -> str:
    """What the project's own Python knows of the project."""
    question = "import importlib.metadata as m; print(m.version('small'))"
    done = subprocess.run(
        [str(project / ".venv/bin/python"), "-c", question], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("version", [(3, 10), (3, 9), (2, 7)])
def test_old_python_is_refused_by_name(installer: ModuleType, version: tuple[int, int]) -> None:
    with pytest.raises(
        installer.InstallError, match=r"needs Python 3\.11 or newer, but this is {}\.{}:".format(*version)
    ):
        installer.check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (4, 0)])
def test_new_python_is_welcome(installer: ModuleType, version: tuple[int, int]) -> None:
    installer.check_python(version)


def test_installs_once_then_skips_until_something_changes(project: Path) -> None:
    first = run(project)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.count("\n") == 1
    assert installed(project) == "1"
    backend(project, fails="must not run")
    again = run(project)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    (project / "constraints.txt").write_text("# changed\n")
    refusal(project)
    assert "must not run" in (project / "build" / "install.log").read_text()
    backend(project)
    assert run(project, "--dev").returncode == 0
    backend(project, fails="must not run")
    assert run(project).stdout == ""


def test_dead_or_moved_environment_is_made_anew(project: Path) -> None:
    assert run(project).returncode == 0
    python = project / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")
    assert run(project).returncode == 0
    assert installed(project) == "1"
    moved = project.rename(project.with_name("moved"))
    assert run(moved).returncode == 0
    assert str(moved / ".venv") in (moved / ".venv" / "bin" / "pip").read_text()
    assert installed(moved) == "1"


def test_linked_environment_is_left_alone_and_a_dead_link_replaced(project: Path) -> None:
    environment = project / ".venv"
    shared = project / "shared"
    (shared / "bin").mkdir(parents=True)
    (shared / "bin" / "python").symlink_to(sys.executable)
    environment.symlink_to(shared)
    assert run(project).stdout == ""
    assert [path.name for path in shared.iterdir()] == ["bin"]
    shutil.rmtree(shared)
    assert run(project).returncode == 0
    assert not environment.is_symlink()
    assert installed(project) == "1"


def test_interrupted_installation_is_taken_up_again(project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").write_text("half")
    assert run(project).returncode == 0
    assert installed(project) == "1"


def test_two_installations_at_once_wait_for_each_other(project: Path) -> None:
    both = [
        subprocess.Popen(command(project), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(output.count("Installing") for output, _ in outputs) == [0, 1]
    assert installed(project) == "1"


def test_lost_network_is_told_in_one_sentence(project: Path) -> None:
    backend(project, requires="nothing-of-that-name")
    sentence = refusal(project)
    assert "the package index cannot be reached" in sentence
    assert str(project / "build" / "install.log") in sentence


def test_missing_compiler_is_told_in_one_sentence(project: Path) -> None:
    backend(project, fails="error: command 'gcc' failed: No such file or directory")
    assert "needs a C compiler: apt install gcc python3-dev" in refusal(project)


def test_unwritable_place_is_told_in_one_sentence(project: Path) -> None:
    (project / "build").write_text("a file")
    assert f"{project / 'build'} cannot be used" in refusal(project)


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("ERROR: No matching distribution found for fastapi==9", "the package index has no fastapi==9 for this Python"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: command '/usr/bin/gcc' failed", "command '/usr/bin/gcc' failed"),
        ("fatal error: Python.h: No such file or directory", "a package needs a C compiler"),
        ("WARNING: Retrying (Retry(total=4)) after connection error\nERROR: other", "other"),
        ("nothing known", "for a reason that only the log tells"),
    ],
)
def test_cause_is_read_from_the_log(installer: ModuleType, log: str, cause: str) -> None:
    assert installer.explain(log).startswith(cause)


def test_unknown_argument_is_refused(project: Path) -> None:
    assert "Usage" in subprocess.run(command(project, "--all"), capture_output=True, text=True, check=False).stderr


def test_old_python_can_read_the_file_that_tells_it_so() -> None:
    ast.parse((ROOT / "install.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        (("ensurepip",), "the package index cannot be reached"),
        (("ensurepip", "pip"), "cannot make virtual environments: apt install python3-venv"),
    ],
    ids=["python without ensurepip fetches pip", "python without pip either"],
)
def test_python_of_a_system_that_split_it_up(project: Path, missing: tuple[str, ...], sentence: str) -> None:
    without = "; ".join(f"sys.modules[{name!r}] = None" for name in missing)
    script = f"import runpy, sys; {without}; runpy.run_path({str(project / 'install.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
