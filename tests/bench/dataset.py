"""The data of the figures, by COPY: the whole country's branches, 100,000 members, articles without end.

Ids are numbers in disguise, so that the generators of load can name rows without asking.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from models.migrations import runner

REGIONS, DISTRICTS, PRIMARIES = 20, 250, 4_000
MEMBERS: Final = 100_000
PHONES: Final = 2_000
"""Members who are signed in."""
POLLS: Final = 600

START: Final = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
ADMITTED: Final = date(2020, 3, 1)
BRANCH, ACCOUNT, MEMBER, STAY, SESSION, ARTICLE, POLL = range(1, 8)
Row = tuple[Any, ...]


def numbered(kind: int, number: int) -> UUID:
    """The id of the n-th thing of a kind."""
    return UUID(int=kind << 96 | number)


def branches() -> Iterator[Row]:
    """The tree: one republic, then level by level."""
    yield branch(0, None, "republic", "kz")
    for n in range(REGIONS):
        yield branch(1 + n, 0, "region", f"kz.r{n}")
    for n in range(DISTRICTS):
        yield branch(1 + REGIONS + n, 1 + n % REGIONS, "district", f"kz.r{n % REGIONS}.d{n}")
    for n in range(PRIMARIES):
        district = n % DISTRICTS
        path = f"kz.r{district % REGIONS}.d{district}.p{n}"
        yield branch(1 + REGIONS + DISTRICTS + n, 1 + REGIONS + district, "primary", path)


def branch(number: int, parent: int | None, level: str, path: str) -> Row:
    """One branch."""
    code = path.rsplit(".", 1)[-1]
    names = Jsonb({"kk": f"«{code}» филиалы", "ru": f"Филиал «{code}»"})
    region_code = chr(65 + number // 26) + chr(65 + number % 26) if level == "region" else None
    above = numbered(BRANCH, parent) if parent is not None else None
    return numbered(BRANCH, number), above, level, code, path, names, region_code, START, 1


def primary(number: int) -> UUID:
    """The primary organisation of a member."""
    return numbered(BRANCH, 1 + REGIONS + DISTRICTS + number % PRIMARIES)


def article_branch(number: int) -> UUID:
    """Where an article stands: 1 in 100 for all, 4 for a region, 25 for a district, 70 for one organisation."""
    share, turn = number % 100, number // 100
    if share == 0:
        return numbered(BRANCH, 0)
    if share < 5:
        return numbered(BRANCH, 1 + (turn * 4 + share) % REGIONS)
    if share < 30:
        return numbered(BRANCH, 1 + REGIONS + (turn * 25 + share) % DISTRICTS)
    return primary(turn * 70 + share)


def articles(count: int) -> Iterator[Row]:
    """Published ones, a minute apart; one in a thousand is pinned."""
    for n in range(count):
        at = START + timedelta(seconds=30 * n)
        yield numbered(ARTICLE, n), article_branch(n), "published", n % 1_000 == 7, False, at, 1, at, at


def translations(count: int) -> Iterator[Row]:
    """Each article in Kazakh and Russian."""
    for n in range(count):
        kk = f"№ {n}: ауылда жаңа мектеп пен спорт алаңы ашылды"
        ru = f"№ {n}: в ауле открыты новая школа и спортивная площадка"
        told = "Мектеп 300 орынға арналған, құрылысы мерзімінен бұрын аяқталды. Алаңда футбол ойнауға болады."
        yield numbered(ARTICLE, n), "kk", kk, told, told, f"<p>{told}</p>"
        yield numbered(ARTICLE, n), "ru", ru, told, told, f"<p>{told}</p>"


def fill(url: str, article_count: int) -> None:
    """Migrate an empty database and fill it. The user must be a superuser: triggers and foreign keys are let rest."""
    runner.upgrade(url)
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for table, rows in tables(article_count).items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def tables(article_count: int) -> dict[str, Iterator[Row]]:
    """What goes where. One poll was answered by all, so that no table is empty when statements are planned."""
    return {
        "branch (id, parent_id, level, code, path, name, region_code, created_at, version)": branches(),
        "account (id, language, state, notification_preferences, created_at)": (
            (numbered(ACCOUNT, n), "kk", "active", "{}", START) for n in range(MEMBERS)
        ),
        "member (id, account_id, given_name, name_sort, youth_wing, dues_category, state, admitted_on, created_at,"
        " version)": (
            (numbered(MEMBER, n), numbered(ACCOUNT, n), f"{n}", f"{n}", False, "standard", "active", ADMITTED, START, 1)
            for n in range(MEMBERS)
        ),
        "membership (id, member_id, branch_id, started_on)": (
            (numbered(STAY, n), numbered(MEMBER, n), primary(n), ADMITTED) for n in range(MEMBERS)
        ),
        "auth_session (id, account_id, installation_id, created_at, last_seen_at)": (
            (numbered(SESSION, n), numbered(ACCOUNT, n), numbered(SESSION, n), START, START) for n in range(PHONES)
        ),
        "article (id, branch_id, state, pinned, notify, published_at, version, created_at, updated_at)": articles(
            article_count
        ),
        "article_translation (article_id, language, title, summary, body_markdown, body_html)": translations(
            article_count
        ),
        "poll (id, branch_id, kind, state, title, questions, results_visibility, opens_at, opened_at, created_at,"
        " version)": (poll(n) for n in range(POLLS + 1)),
        "participation (poll_id, member_id)": ((numbered(POLL, POLLS), numbered(MEMBER, n)) for n in range(MEMBERS)),
        "poll_response (poll_id, member_id, answers, responded_at)": (
            (numbered(POLL, POLLS), numbered(MEMBER, n), Jsonb({"q1": "o1"}), START) for n in range(MEMBERS)
        ),
    }


def poll(number: int) -> Row:
    """An open poll for everybody."""
    text = {"kk": "Жол жөндеу керек пе?", "ru": "Нужен ли ремонт дороги?"}
    options = [{"id": f"o{n}", "text": {"kk": str(n), "ru": str(n)}} for n in range(1, 5)]
    questions = [{"kind": "single", "id": "q1", "text": text, "required": True, "options": options}]
    return (
        *(numbered(POLL, number), numbered(BRANCH, 0), "named", "open", Jsonb(text), Jsonb(questions)),
        *("after_close", START, START, START, 1),
    )
