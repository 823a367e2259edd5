"""Answering a poll, next to pgbench writing the same rows by one statement; on both sides a commit is on the disk."""

import asyncio
import os
import re
import resource
import subprocess
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psutil

from api.runtime import APP_ROLE
from models.db import COMMAND_TIMEOUT_S, POOL_SIZE, server_settings
from models.embedded import binaries_folder
from tests.bench.dataset import MEMBER, PHONES, POLL, POLLS, numbered
from tests.bench.feed import ARTICLES, PARALLEL
from tests.bench.ground import Ground
from tests.bench.load import drive, get, put
from tests.bench.rounds import SLICE_S, Meter, Sample, Subject, figure, interleave

CONNECTIONS: Final = POOL_SIZE
"""To the database, on both sides; phones are more."""
BODY: Final = b'{"answers":[{"kind":"single","question_id":"q1","option_id":"o2"}]}'
OK, CREATED = 200, 201
LATENCY: Final = re.compile(r"latency average = ([\d.]+) ms")
DONE: Final = re.compile(r"number of transactions actually processed: (\d+)")
RATE: Final = re.compile(r"tps = ([\d.]+)")

# Client c of n answers for the members c, c + n, c + 2n, … of one poll after the other, as the phones do. The polls
# are the upper half, so that nobody answers twice.
SCRIPT: Final = f"""
\\set number :base + :client_id + {CONNECTIONS} * :turn
\\set turn :turn + 1
\\set poll {POLLS // 2} + :number / {PHONES}
\\set member :number % {PHONES}
WITH taken AS (
    INSERT INTO participation (poll_id, member_id, key_hash)
    VALUES (('{numbered(POLL, 0).hex[:16]}' || lpad(to_hex(:poll::bigint), 16, '0'))::uuid,
            ('{numbered(MEMBER, 0).hex[:16]}' || lpad(to_hex(:member::bigint), 16, '0'))::uuid,
            '\\x{"ab" * 32}'::bytea)
    RETURNING poll_id, member_id
)
INSERT INTO poll_response (poll_id, member_id, answers, responded_at)
SELECT poll_id, member_id, '{{"q1": "o2"}}'::jsonb, '2026-11-22T09:00:00Z' FROM taken;
"""


def responses(ground: Ground) -> Iterator[bytes]:
    """Every phone answers one poll, then every phone the next."""
    phones = [ground.sign_in(number) for number in range(PHONES)]
    for number in range(POLLS // 2):
        path = f"/v1/polls/{numbered(POLL, number)}/response"
        for phone, header in enumerate(phones):
            yield put(path, [header, f"Idempotency-Key: 0198c0de-0000-7000-8000-{number:04x}{phone:08x}"], BODY)


def answering(ground: Ground, port: int, process: psutil.Process) -> Subject:
    """Phones that have opened the app answer."""
    opened = [get(f"/v1/polls/{numbered(POLL, 0)}", [ground.sign_in(number)]) for number in range(PHONES)]
    left = responses(ground)

    async def run() -> Sample:
        await drive(port, iter(opened), status=OK, connections=PARALLEL, seconds=60)
        meter = Meter((process, ground.postgres))
        counted, seconds = await drive(port, left, status=CREATED, connections=PARALLEL, seconds=SLICE_S)
        return meter.sample(counted.done, seconds, median(counted.seconds))

    return run


def pgbench(ground: Ground, url: str) -> Subject:
    """The same rows by pgbench, prepared, over as many connections as the API has."""
    script = ground.folder / "answer.sql"
    script.write_text(SCRIPT)
    host = parse_qs(urlsplit(url).query)["host"][0]
    base = 0

    async def run() -> Sample:
        nonlocal base
        command = [
            *(str(binaries_folder() / "pgbench"), "-h", host, "-U", "unqatu", "-n", "-M", "prepared"),
            *("-c", str(CONNECTIONS), "-j", "1", "-T", f"{SLICE_S:.0f}", "-f", str(script)),
            *("-D", f"base={base}", "-D", "turn=0", urlsplit(url).path[1:]),
        ]
        meter, before = Meter((ground.postgres,)), children_seconds()
        report = await asyncio.to_thread(finished, command)
        transactions = int(found(DONE, report))
        base += transactions * 2  # no client is twice as fast as the others
        return meter.sample(
            transactions,
            transactions / found(RATE, report),
            found(LATENCY, report) / 1e3,
            more_cpu_s=children_seconds() - before,
        )

    return run


def finished(command: list[str]) -> str:
    """What a program printed, under the settings of the API's connections. Its complaints go where ours go."""
    settings = server_settings(APP_ROLE, statement_timeout_ms=int(COMMAND_TIMEOUT_S * 1000))
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    environment = os.environ | {"PGOPTIONS": options}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def found(pattern: re.Pattern[str], report: str) -> float:
    """A number that pgbench tells."""
    number = pattern.search(report)
    if number is None:
        raise RuntimeError(f"pgbench did not say {pattern.pattern}")
    return float(number[1])


def children_seconds() -> float:
    """CPU of processes of ours that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def run(ground: Ground, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """The group `answer`."""
    tell("100,000 articles and members by COPY")
    url = ground.make_database("answer", articles=ARTICLES)
    with ground.api(url) as (port, process):
        subjects = {"answer": answering(ground, port, process), "pgbench": pgbench(ground, url)}
        samples = await interleave(subjects, tell)
    return [figure("answer_vs_pgbench", 0.30, samples["answer"], samples["pgbench"])]
