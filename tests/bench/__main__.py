"""python -m tests.bench [feed] [answer]: measures the groups, all by default, and writes build/bench.json."""

import asyncio
import json
import sys
from typing import Any, Final

import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench import answer, feed
from tests.bench.ground import ground
from tests.bench.processes import ROOT

GROUPS: Final = {"feed": feed.run, "answer": answer.run}
REPORT: Final = ROOT / "build" / "bench.json"


def measure(groups: list[str], console: Console) -> list[dict[str, Any]]:
    """The rows of the groups."""
    rows: list[dict[str, Any]] = []
    with ground() as ready, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for group in groups:
            with console.status(group) as status:
                rows += runner.run(GROUPS[group](ready, lambda step, group=group: status.update(f"{group}: {step}")))
    return rows


def keep(rows: list[dict[str, Any]]) -> None:
    """Write the rows, beside those of groups that were measured before."""
    before = json.loads(REPORT.read_text()) if REPORT.exists() else []
    names = {row["name"] for row in rows}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([row for row in before if row["name"] not in names] + rows, indent=2) + "\n")


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """A table for people."""
    table = Table("figure", "ratio", "95 %", "target", "", "judged by", "others", "ours", "floor")
    for row in rows:
        detail = row["detail"]
        reached = row["ratio"] >= row["target"] if row["better"] == "higher" else row["ratio"] <= row["target"]
        sign = "≥" if row["better"] == "higher" else "≤"
        judged = detail["judged_by"]
        low, high = detail["interval"]
        table.add_row(
            *(row["name"], f"{row['ratio']:.2f}", f"{low:.2f}–{high:.2f}", f"{sign} {row['target']:.2f}"),
            *("reached" if reached else "[bold]missed[/bold]", judged, f"{detail['others_share']:.0%}"),
            *(f"{detail[f'{side}_{judged}']:,.0f}" for side in ("ours", "floor")),
        )
    console.print(table)


def main() -> None:
    """Measure, write, show."""
    console = Console()
    groups = sys.argv[1:] or list(GROUPS)
    unknown = set(groups) - set(GROUPS)
    if unknown:
        raise SystemExit(f"There is no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}.")
    rows = measure(groups, console)
    keep(rows)
    show(rows, console)


if __name__ == "__main__":
    main()
