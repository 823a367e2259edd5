"""The README tells the truth about settings and commands."""

import re
from pathlib import Path

import pytest

from api.__main__ import app
from api.commands.settings import settings
from api.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MARKS = re.compile(r"<!-- settings: .*? -->\n(.*?)\n<!-- end of settings -->", re.DOTALL)


def test_settings_table_is_the_one_that_the_command_prints() -> None:
    found = MARKS.search(README)
    assert found is not None
    assert found[1] == settings(), "put the output of `unqatu settings` into README.md"


def test_every_setting_says_what_it_does() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_no_default_of_a_secret_is_shown() -> None:
    assert "SecretStr" not in settings()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`unqatu ((?:[a-z][a-z-]* ?)+)", README))))
def test_commands_that_the_readme_names_exist(command: str) -> None:
    _, apps, unknown = app.parse_commands(command.split())
    assert unknown == []
    assert apps[-1].default_command is not None


def test_targets_that_the_documents_name_exist() -> None:
    text = README + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"make ([a-z][a-z-]+)", text)) - {"it"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "demo" in named
    assert named <= targets, named - targets


def test_links_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text())
        assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_decisions_are_numbered_one_after_another_and_have_their_parts() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:5] for path in records] == [f"{number:04d}-" for number in range(1, len(records) + 1)]
    for path in records:
        title, *lines = path.read_text().splitlines()
        assert title.startswith(f"# {path.name[:4]}. ")
        parts = [line for line in lines if line.startswith("## ")]
        assert parts == ["## Context", "## Decision", "## Consequences", "## Alternatives"], path.name
