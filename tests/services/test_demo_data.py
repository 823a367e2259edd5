"""The demo's data: the same every time, whole or not at all, and such as could be real."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import phonenumbers
import psycopg
import pytest
from psycopg import Connection, sql

from models.base import utc_now
from models.news import ArticleState
from models.petitions import Outcome, PetitionAction, PetitionState
from models.polls import PollState
from services.demo.access import ForeignKeysError, renew_access
from services.demo.fixed import demo_id
from services.demo.people import INTRODUCED, MEMBER
from services.demo.seeding import NotTheDemoError, seed
from services.demo.texts import branch_in, branch_of
from services.iin import read_iin
from services.keyring import Keyring, load_keys, make_keys
from services.petitions.life import TABLE
from services.polls.questions import check_questions, find_misfit

SECRET_COLUMNS = re.compile(r"_encrypted$|_hash$|^encryption_key_id$")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """Keys of some installation."""
    return new_keys(tmp_path_factory.mktemp("keys"))


def new_keys(folder: Path) -> Keyring:
    """Fresh keys."""
    make_keys(folder, now=utc_now())
    return load_keys(folder)


@pytest.fixture(scope="module")
def demo(database_url: str, keys: Keyring) -> Iterator[Connection]:
    """A connection that sees the demo's data, which nobody else ever does."""
    with psycopg.connect(database_url) as connection:
        assert seed(connection, keys)
        yield connection
        connection.rollback()


def rows(connection: Connection, query: str) -> list[Any]:
    """What a query gives."""
    return connection.execute(query).fetchall()


def number(connection: Connection, query: str) -> int:
    """How many rows a table has, or those `WHERE …`."""
    return int(rows(connection, f"SELECT count(*) FROM {query}")[0][0])


def everything(connection: Connection) -> dict[str, list[Any]]:
    """All rows of all tables, but for what keys and chance make differ."""
    # Not the queue, whose numbers come from a sequence that does not roll back.
    tables = rows(connection, "SELECT tablename FROM pg_tables WHERE tablename !~ '^(pg|sql|procrastinate)_'")
    return {name: readable(connection, name) for (name,) in tables}


def readable(connection: Connection, table: str) -> list[Any]:
    """The rows of a table as text, without secret columns."""
    cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
    names = [column.name for column in cursor.description or ()]
    kept = [i for i, name in enumerate(names) if not SECRET_COLUMNS.search(name)]
    return sorted(str([row[i] for i in kept]) for row in cursor.fetchall())


def test_organisation_is_the_region_with_its_districts(demo: Connection) -> None:
    levels = dict(rows(demo, "SELECT level, count(*) FROM branch GROUP BY level"))
    assert levels == {"republic": 1, "region": 1, "district": 8, "primary": 60}
    assert number(demo, "settlement") > 40


def test_there_are_6000_members_and_every_organisation_has_some(demo: Connection) -> None:
    assert number(demo, "member") == 6_000
    smallest = rows(demo, "SELECT count(*) FROM membership WHERE ended_on IS NULL GROUP BY branch_id ORDER BY 1")
    assert len(smallest) == 60
    assert smallest[0][0] >= 5


def test_names_agree_with_sex(demo: Connection) -> None:
    assert number(demo, "member WHERE (sex = 'female') <> (family_name LIKE '%а')") == 0
    assert number(demo, "member WHERE (sex = 'female') <> (patronymic LIKE '%қызы')") == 0
    assert number(demo, "member WHERE (sex = 'male') <> (patronymic LIKE '%ұлы')") == 0


def test_iins_are_valid_and_say_the_same_as_the_member(demo: Connection, keys: Keyring) -> None:
    found = rows(demo, "SELECT iin_encrypted, encryption_key_id, birth_on, sex FROM member")
    for iin, key_id, birth_on, sex in found:
        facts = read_iin(keys.decrypt(iin, key_id=key_id, purpose="member.iin"))
        assert (facts.birth_on, facts.sex) == (birth_on, sex)


def test_phones_are_kazakh_and_findable(demo: Connection, keys: Keyring) -> None:
    found = rows(demo, "SELECT phone_encrypted, encryption_key_id, phone_hash FROM account LIMIT 500")
    for blob, key_id, phone_hash in found:
        phone = keys.decrypt(blob, key_id=key_id, purpose="account.phone")
        assert phone.startswith("+7700")
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone))
        assert keys.keyed_hash(phone, purpose="phone") == phone_hash


def test_every_role_but_none_unknown_is_held(demo: Connection) -> None:
    held = dict(rows(demo, "SELECT name, count(*) FROM role GROUP BY name"))
    assert held["chair"] == 60
    assert held["branch_admin"] == 9
    assert held["head_office_admin"] == 1
    assert {"petition_desk", "editor", "treasurer", "councillor", "party_control"} < set(held)


def test_there_are_200_articles_in_every_state_and_two_languages(demo: Connection) -> None:
    states = dict(rows(demo, "SELECT state, count(*) FROM article GROUP BY state"))
    assert sum(states.values()) == 200
    assert set(states) == set(ArticleState)
    languages = rows(demo, "SELECT language, count(*) FROM article_translation GROUP BY language ORDER BY 1")
    assert languages == [("kk", 200), ("ru", 200)]
    assert number(demo, "article_translation WHERE concat(title, summary, body_markdown) ~ '[{}]|филиалыфил'") == 0
    assert number(demo, "procrastinate_jobs WHERE task_name = 'news.publish_due'") == states["scheduled"]


def test_there_are_12_polls_in_every_state_and_the_answers_fit_them(demo: Connection) -> None:
    states = dict(rows(demo, "SELECT state, count(*) FROM poll GROUP BY state"))
    assert sum(states.values()) == 12
    assert set(states) == set(PollState)
    asked = dict(rows(demo, "SELECT id, questions FROM poll"))
    for questions in asked.values():
        check_questions(questions)
    for poll_id, answers in rows(demo, "SELECT poll_id, answers FROM poll_response"):
        assert find_misfit(asked[poll_id], answers) is None
    assert number(demo, "poll_response r JOIN poll p ON p.id = r.poll_id WHERE r.responded_at < p.opened_at") == 0
    outside = """
        poll_response r JOIN poll p ON p.id = r.poll_id JOIN branch asked ON asked.id = p.branch_id
          JOIN membership m ON m.member_id = r.member_id AND m.ended_on IS NULL
          JOIN branch home ON home.id = m.branch_id
         WHERE NOT home.path <@ asked.path"""
    assert number(demo, outside) == 0


def test_there_are_400_petitions_in_every_state_that_api_and_desk_know(demo: Connection) -> None:
    states = dict(rows(demo, "SELECT state, count(*) FROM petition GROUP BY state"))
    assert sum(states.values()) == 400
    assert set(states) == set(PetitionState)
    outcomes = rows(demo, "SELECT DISTINCT outcome FROM petition WHERE outcome IS NOT NULL")
    assert {outcome for (outcome,) in outcomes} == set(Outcome)


def test_petitions_are_numbered_without_gaps_in_the_order_of_receipt(demo: Connection) -> None:
    numbered = "SELECT year, series, sequence, received_at FROM petition ORDER BY year, series, sequence"
    series: dict[tuple[int, str], list[Any]] = {}
    for year, name, sequence, received_at in rows(demo, numbered):
        series.setdefault((year, name), []).append((sequence, received_at))
    for key, filed in series.items():
        assert [sequence for sequence, _ in filed] == list(range(1, len(filed) + 1))
        assert [at for _, at in filed] == sorted(at for _, at in filed)
        last = rows(demo, f"SELECT last_sequence FROM petition_counter WHERE (year, series) = {key}")
        assert last == [(len(filed),)]


def test_events_of_petitions_lead_by_the_table_to_where_they_stand(demo: Connection) -> None:
    steps = rows(
        demo,
        """SELECT p.state, p.version, array_agg(e.action ORDER BY e.seq), array_agg(e.state ORDER BY e.seq),
                  array_agg(e.seq ORDER BY e.seq), array_agg(e.at ORDER BY e.seq), p.received_at
             FROM petition p JOIN petition_event e ON e.petition_id = p.id GROUP BY p.id""",
    )
    assert len(steps) == 400
    for state, version, actions, states, numbers, times, received_at in steps:
        reached = PetitionState.received
        for action, after in zip(actions[1:], states[1:], strict=True):
            reached = TABLE[reached, PetitionAction(action)].target
            assert reached == after
        assert (actions[0], reached, numbers) == ("file", state, list(range(1, version + 1)))
        assert times == sorted(times)
        assert times[0] == received_at


def test_petitions_open_with_the_keys_and_nobody_handles_an_own_one(demo: Connection, keys: Keyring) -> None:
    for petition_id, blob, key_id in rows(demo, "SELECT id, text_encrypted, encryption_key_id FROM petition"):
        assert "{" not in keys.decrypt(blob, key_id=key_id, purpose=f"petition.text:{petition_id}")
    assert number(demo, "petition WHERE assignee_account_id = applicant_account_id") == 0
    assert number(demo, "petition WHERE applicant_account_id IS NULL AND channel = 'app'") == 0


def test_the_introduced_member_has_something_to_see(demo: Connection) -> None:
    account_id = demo_id("account", MEMBER)
    states = rows(demo, f"SELECT state FROM petition WHERE applicant_account_id = '{account_id}' ORDER BY state")
    assert states == [("awaiting_applicant",), ("closed",), ("in_progress",)]
    assert number(demo, f"push_campaign WHERE account_id = '{account_id}'") > 3
    assert number(demo, f"device WHERE account_id = '{account_id}'") == 1


@pytest.mark.parametrize(
    ("name", "genitive", "prepositional"),
    [
        ("Макатский районный филиал", "Макатского районного филиала", "Макатском районном филиале"),
        ("Атырауский городской филиал", "Атырауского городского филиала", "Атырауском городском филиале"),
        ("Жылыойский районный филиал", "Жылыойского районного филиала", "Жылыойском районном филиале"),
        ("Атырауский областной филиал", "Атырауского областного филиала", "Атырауском областном филиале"),
    ],
)
def test_russian_branch_names_are_declined(name: str, genitive: str, prepositional: str) -> None:
    assert (branch_of(name), branch_in(name)) == (genitive, prepositional)


def test_two_demos_are_alike(cloned_database: str, demo: Connection, tmp_path: Path) -> None:
    with psycopg.connect(cloned_database) as second:
        seed(second, new_keys(tmp_path))
        assert everything(second) == everything(demo)


def test_interrupted_seeding_leaves_nothing_and_a_finished_one_is_not_repeated(
    cloned_database: str, keys: Keyring
) -> None:
    with psycopg.connect(cloned_database) as connection:
        seed(connection, keys)
        connection.rollback()
        assert number(connection, "branch") == 0
        assert seed(connection, keys)
        connection.commit()
        assert not seed(connection, keys)
        assert number(connection, "member") == 6_000


def test_a_database_with_other_data_is_left_alone(cloned_database: str, keys: Keyring) -> None:
    with psycopg.connect(cloned_database) as connection:
        connection.execute(
            "INSERT INTO branch (id, level, code, path, name, created_at, version)"
            " VALUES (gen_random_uuid(), 'republic', 'kz', 'kz', '{}', '2020-01-01', 1)"
        )
        with pytest.raises(NotTheDemoError):
            seed(connection, keys)


def test_ways_in_want_the_keys_of_the_data(demo: Connection, keys: Keyring, tmp_path: Path) -> None:
    with demo.transaction(force_rollback=True):
        access = renew_access(demo, keys, now=utc_now())
        assert len(access.people) == len(INTRODUCED)
        with pytest.raises(ForeignKeysError):
            renew_access(demo, new_keys(tmp_path), now=utc_now())
