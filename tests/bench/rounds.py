"""Measuring on a noisy machine: everything in the same round, in random order, judged by the ratios within rounds."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Final

import psutil

from tests.bench.processes import cpu_seconds, machine_busy_seconds

ROUNDS: Final = 12
SLICE_S: Final = 2.0
MUCH_LOAD: Final = 0.3
DRAWS: Final = 2_000


@dataclass(frozen=True)
class Sample:
    """One slice.

    Attributes:
        per_second: answers.
        cpu_us: of the measured processes, for one answer; the generator of load is not among them.
        latency_us: median; of one request at a time it is what a phone waits for.
        others_share: of the machine, that somebody else used.
    """

    per_second: float
    cpu_us: float
    latency_us: float
    others_share: float


Subject = Callable[[], Awaitable[Sample]]


@dataclass
class Meter:
    """Measures what processes use during a block of work: `started`, the work, `sample`."""

    measured: tuple[psutil.Process, ...]
    """What the figure is about."""
    helping: tuple[psutil.Process, ...] = ()
    """What only makes the load."""

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin."""
        self.at, self.busy = perf_counter(), machine_busy_seconds()
        self.used, self.helped = cpu_seconds(*self.measured), self_and(self.helping)

    def sample(self, done: int, seconds: float, latency_s: float = 0.0, *, more_cpu_s: float = 0.0) -> Sample:
        """End. `more_cpu_s` was used by a process that has ended."""
        used = cpu_seconds(*self.measured) - self.used + more_cpu_s
        ours = used + self_and(self.helping) - self.helped
        capacity = (perf_counter() - self.at) * psutil.cpu_count()
        others = max(0.0, machine_busy_seconds() - self.busy - ours) / capacity
        return Sample(done / seconds, used / max(done, 1) * 1e6, latency_s * 1e6, others)


def self_and(helping: tuple[psutil.Process, ...]) -> float:
    """CPU of this process (without its children, which are measured by themselves) and of helpers."""
    times = psutil.Process().cpu_times()
    return times.user + times.system + cpu_seconds(*helping)


async def interleave(subjects: Mapping[str, Subject], tell: Callable[[str], None]) -> dict[str, list[Sample]]:
    """Every subject once a round, in random order."""
    samples: dict[str, list[Sample]] = {name: [] for name in subjects}
    for number in range(ROUNDS):
        tell(f"round {number + 1} of {ROUNDS}")
        for name in random.sample(list(subjects), len(subjects)):
            samples[name].append(await subjects[name]())
    return samples


def figure(
    name: str,
    target: float,
    ours: list[Sample],
    floor: list[Sample],
    *,
    better: str = "higher",
    what: str = "per_second",
) -> dict[str, Any]:
    """One row of build/bench.json.

    Args:
        what: "per_second" compares ours with the floor; "latency_us" does too, where less is better. Under much load of
            others both give way to CPU for each answer, which says the same and is not shared with others.
    """
    others = median(sample.others_share for sample in (*ours, *floor))
    judged = "cpu_us" if others > MUCH_LOAD else what
    upside_down = judged == "cpu_us" and better == "higher"
    pairs = [(getattr(one, judged), getattr(other, judged)) for one, other in zip(ours, floor, strict=True)]
    ratios = [(other / one if upside_down else one / other) for one, other in pairs]
    low, high = interval(ratios)
    return {
        "name": name,
        "ratio": round(median(ratios), 3),
        "target": target,
        "better": better,
        "detail": {
            "interval": [round(low, 3), round(high, 3)],
            "judged_by": judged,
            "rounds": len(ratios),
            "others_share": round(others, 2),
            **{f"ours_{key}": middle(ours, key) for key in ("per_second", "cpu_us", "latency_us")},
            **{f"floor_{key}": middle(floor, key) for key in ("per_second", "cpu_us", "latency_us")},
        },
    }


def middle(samples: list[Sample], key: str) -> float:
    """The median of one thing."""
    return round(median(getattr(sample, key) for sample in samples), 1)


def interval(ratios: list[float]) -> tuple[float, float]:
    """Where 95 % of the medians of resampled rounds lie."""
    chance = random.Random(1)  # noqa: S311  # statistics, no secret
    draws = sorted(median(chance.choices(ratios, k=len(ratios))) for _ in range(DRAWS))
    return draws[DRAWS // 40], draws[-DRAWS // 40]
