"""Rules of the house that no off-the-shelf tool holds (ruff, mypy and import-linter hold the others).

Each rule is a function from one parsed file to the places that break it, so that the failure names them.
"""

import ast
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
MAX_FUNCTION_LINES: Final = 50
MAX_MODULE_LINES: Final = 350
VERSIONS: Final = "models/migrations/versions/"

CLOCK_SQL: Final = re.compile(
    r"\bnow\(\)|\bcurrent_(timestamp|date|time)\b|\blocaltime|\b(clock|statement|transaction)_timestamp\(\)", re.I
)
CLOCK_CALLS: Final = {"now", "utcnow", "today", "utc_now", "current_timestamp", "current_date"}
NOQA: Final = re.compile(r"#\s*noqa(?P<codes>:\s*[A-Z]+\d+(\s*,\s*[A-Z]+\d+)*)?(?P<reason>.*)")
TYPE_IGNORE: Final = re.compile(r"#\s*type:\s*ignore(?P<codes>\[[\w\-, ]+\])?(?P<reason>.*)")
PLACES: Final = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|yarnpkg\.com|proxy\.golang\.org|crates\.io"
    r"|(?<![\w.])/(root|work|home/\w+|tmp/\w+|Users/\w+|opt/\w+)/",
)


@dataclass(frozen=True)
class Source:
    """A Python file of ours."""

    name: str
    text: str
    tree: ast.Module

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """The nodes of some kinds."""
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def comments(self) -> Iterator[tuple[int, str]]:
        """(line number, comment) of each comment."""
        lines = iter(self.text.splitlines(keepends=True))
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def tracked() -> list[str]:
    """The files of the project."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


FILES: Final = tracked()


def read(name: str) -> Source:
    """One file, parsed."""
    text = (ROOT / name).read_text()
    return Source(name, text, ast.parse(text))


SOURCES: Final = [read(name) for name in FILES if name.endswith(".py")]


def length(node: ast.AST) -> int:
    """Lines of a function, decorators aside."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return (node.end_lineno or node.lineno) - node.lineno + 1


def long_functions(source: Source) -> Iterator[str]:
    """A function fits one screen. A migration is a record of statements, not a program."""
    if source.name.startswith(VERSIONS):
        return
    for node in source.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        if length(node) > MAX_FUNCTION_LINES:
            yield f"{node.name} has {length(node)} lines"


def long_module(source: Source) -> Iterator[str]:
    """A module can be read at a sitting."""
    lines = source.text.count("\n")
    if lines > MAX_MODULE_LINES and not source.name.startswith(VERSIONS):
        yield f"{lines} lines"


def commits(source: Source) -> Iterator[str]:
    """One request = one transaction, which the edge ends: services flush."""
    if source.name.startswith("services/"):
        for node in source.nodes(ast.Attribute):
            if node.attr in {"commit", "rollback"}:
                yield f"line {node.lineno}: .{node.attr}"


def docstrings(tree: ast.Module) -> set[int]:
    """Identities of the constants that are documentation: any text that stands alone as a statement."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def clocks(source: Source) -> Iterator[str]:
    """Services take `now`; a clock of the database's, or their own, would make test clocks lie."""
    if not source.name.startswith(("services/", "models/")) or source.name == "models/base.py":
        return
    documentation = docstrings(source.tree)
    for node in source.nodes(ast.Constant):
        if isinstance(node.value, str) and id(node) not in documentation and CLOCK_SQL.search(node.value):
            yield f"line {node.lineno}: {CLOCK_SQL.search(node.value)}"
    for node in source.nodes(ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in CLOCK_CALLS:
            yield f"line {node.lineno}: {name}()"


def bare_ignores(source: Source) -> Iterator[str]:
    """An ignore names its rule and says why it is right here."""
    for line, comment in source.comments():
        for pattern in (NOQA, TYPE_IGNORE):
            found = pattern.search(comment)
            if found and not (found["codes"] and re.search(r"\w{2}", found["reason"])):
                yield f"line {line}: {comment}"


RULES: Final = (long_functions, long_module, commits, clocks, bare_ignores)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Callable[[Source], Iterator[str]]) -> None:
    broken = [f"{source.name}: {place}" for source in SOURCES for place in rule(source)]
    assert not broken, f"{rule.__doc__}\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (long_functions, "api/x.py", "def f():\n" + "    pass\n" * 50),
        (long_module, "tests/x.py", "\n" * 351),
        (commits, "services/x.py", "async def f(session):\n    await session.commit()\n"),
        (clocks, "services/x.py", "SQL = 'SELECT now()'\n"),
        (clocks, "models/x.py", "default = func.current_timestamp()\n"),
        (clocks, "services/x.py", "moment = datetime.now(UTC)\n"),
        (bare_ignores, "api/x.py", "x = 1  # " + "noqa: S105\n"),
        (bare_ignores, "api/x.py", "x = 1  # type: " + "ignore\n"),
    ],
)
def test_the_rules_can_find_something(rule: Callable[[Source], Iterator[str]], name: str, text: str) -> None:
    assert list(rule(Source(name, text, ast.parse(text))))


def test_no_registry_and_no_path_of_a_machine_stands_in_the_tree() -> None:
    broken = []
    for name in FILES:
        text = (ROOT / name).read_bytes().decode("utf-8", "ignore")
        broken += [f"{name}: {found[0]}" for found in PLACES.finditer(text)]
    assert not broken, "\n".join(broken)
