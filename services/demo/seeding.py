"""Filling an empty database with the demo."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.types.json import Jsonb

from models.members import MemberState
from models.news import ArticleState
from models.petitions import Petition, PetitionCounter, PetitionEvent
from models.polls import PollState
from models.roles import Role
from services.demo import devices, membership, news, petitions, polls, staff
from services.demo.copying import copy_rows
from services.demo.fixed import demo_id
from services.demo.organisation import ROOT, Organisation, make_organisation
from services.demo.people import Person, make_people
from services.jobs import NORMAL
from services.keyring import Keyring
from services.news.writing import PUBLISH_DUE
from services.polls.life import CLOSE_DUE, OPEN_DUE

ONE_AT_A_TIME: Final = 7_350_217
"""The advisory lock of seeding: a second demo on the same database waits, then finds it done."""

DEFER: Final = """
    SELECT procrastinate_defer_jobs_v1(
        ARRAY[ROW('default', %s, %s, NULL, NULL, %s, %s)::procrastinate_job_to_defer_v1])
"""


class NotTheDemoError(Exception):
    """The database holds data that the demo did not make."""


@dataclass(frozen=True)
class Cast:
    """Who takes part in the demo, and where."""

    organisation: Organisation
    people: Sequence[Person]
    states: dict[int, MemberState]
    roles: Sequence[Role]


def is_seeded(connection: Connection) -> bool:
    """Whether the demo's data are there. They are written in one transaction, so they are there whole or not at all.

    Raises:
        NotTheDemoError: other data are.
    """
    root = connection.execute("SELECT id FROM branch WHERE parent_id IS NULL").fetchall()
    if root and root != [(demo_id("branch", ROOT),)]:
        raise NotTheDemoError
    return bool(root)


def seed(connection: Connection, keys: Keyring) -> bool:
    """Write all of the demo in the caller's transaction, unless it is there; whether it was written.

    Raises:
        NotTheDemoError: the database holds other data.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
    if is_seeded(connection):
        return False
    cast = make_cast()
    seed_people(connection, keys, cast)
    seed_news(connection, cast)
    seed_polls(connection, cast)
    seed_petitions(connection, keys, cast)
    return True


def make_cast() -> Cast:
    """The same every time."""
    organisation = make_organisation()
    people = make_people(organisation)
    return Cast(organisation, people, membership.make_states(people), staff.make_roles(organisation, people))


def seed_people(connection: Connection, keys: Keyring, cast: Cast) -> None:
    """Write the tree, the members and what belongs to them."""
    tree = cast.organisation
    accounts = membership.make_accounts(keys, cast.people)
    copy_rows(connection, list(tree.branches.values()))
    copy_rows(connection, [place for places in tree.settlements.values() for place in places])
    copy_rows(connection, accounts)
    copy_rows(connection, membership.make_members(keys, cast.people, cast.states))
    copy_rows(connection, membership.make_memberships(cast.people, cast.states, tree.primaries))
    copy_rows(connection, cast.roles)
    copy_rows(connection, devices.make_devices(accounts))


def seed_news(connection: Connection, cast: Cast) -> None:
    """Write the articles, and defer the jobs that publish the scheduled ones."""
    articles, texts = news.make_news(cast.organisation)
    copy_rows(connection, articles)
    copy_rows(connection, texts)
    for article in articles:
        if article.state is ArticleState.scheduled and article.publish_at is not None:
            arguments = {"article_id": str(article.id), "publish_at": article.publish_at.isoformat()}
            defer(connection, PUBLISH_DUE, arguments, at=article.publish_at)


def seed_polls(connection: Connection, cast: Cast) -> None:
    """Write the polls with their responses, and defer the jobs that open and close them."""
    asked = polls.make_polls(cast.organisation)
    participations, responses = polls.make_responses(asked, cast.people, cast.states)
    copy_rows(connection, asked)
    copy_rows(connection, participations)
    copy_rows(connection, responses)
    copy_rows(connection, devices.announce_polls(asked))
    for poll in asked:
        if poll.state is PollState.scheduled and poll.opens_at is not None:
            arguments = {"poll_id": str(poll.id), "opens_at": poll.opens_at.isoformat()}
            defer(connection, OPEN_DUE, arguments, at=poll.opens_at)
        if poll.state in {PollState.scheduled, PollState.open} and poll.closes_at is not None:
            arguments = {"poll_id": str(poll.id), "closes_at": poll.closes_at.isoformat()}
            defer(connection, CLOSE_DUE, arguments, at=poll.closes_at)


def seed_petitions(connection: Connection, keys: Keyring, cast: Cast) -> None:
    """Write the petitions with their events, and where the numbers go on."""
    desks = petitions.Desks.of(cast.organisation, cast.roles)
    drafts = petitions.draft_petitions(cast.organisation, cast.people, cast.states, desks)
    numbers = petitions.number_petitions(drafts)
    filed: list[Petition] = []
    events: list[PetitionEvent] = []
    for draft in drafts:
        desk, original = desks.staff[draft.path], petitions.original_of(drafts, draft)
        branch = cast.organisation.branches[draft.path]
        filed.append(petitions.make_petition(keys, draft, numbers[draft.key], branch, desk, original))
        events.extend(petitions.make_events(keys, draft, desk, original))
    last = {(year, series): sequence for year, series, sequence in numbers.values()}
    counters = [
        PetitionCounter(region_code="AT", year=year, series=series, last_sequence=sequence)
        for (year, series), sequence in last.items()
    ]
    copy_rows(connection, counters)
    copy_rows(connection, filed)
    copy_rows(connection, events)
    copy_rows(connection, devices.announce_steps(filed, events))


def defer(connection: Connection, task: str, arguments: dict[str, str], *, at: datetime) -> None:
    """Let a worker run `task` at its time, as services.jobs does in a session."""
    connection.execute(DEFER, [task, NORMAL, Jsonb(arguments), at])
