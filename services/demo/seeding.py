"""Filling an empty database with the demo."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.types.json import Jsonb

from models.members import MemberState
from models.news import ArticleState
from models.polls import PollState
from services.demo import membership, news, organisation, people, polls, staff
from services.demo.copying import copy_rows
from services.demo.fixed import demo_id
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


def is_seeded(connection: Connection) -> bool:
    """Whether the demo's data are there. They are written in one transaction, so they are there whole or not at all.

    Raises:
        NotTheDemoError: other data are.
    """
    root = connection.execute("SELECT id FROM branch WHERE parent_id IS NULL").fetchall()
    if root and root != [(demo_id("branch", organisation.ROOT),)]:
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
    tree = organisation.make_organisation()
    everybody = people.make_people(tree)
    states = membership.make_states(everybody)
    copy_rows(connection, list(tree.branches.values()))
    copy_rows(connection, [place for places in tree.settlements.values() for place in places])
    copy_rows(connection, membership.make_accounts(keys, everybody))
    copy_rows(connection, membership.make_members(keys, everybody, states))
    copy_rows(connection, membership.make_memberships(everybody, states, tree.primaries))
    copy_rows(connection, staff.make_roles(tree, everybody))
    seed_news(connection, tree)
    seed_polls(connection, tree, everybody, states)
    return True


def seed_news(connection: Connection, tree: organisation.Organisation) -> None:
    """Write the articles, and defer the jobs that publish the scheduled ones."""
    articles, texts = news.make_news(tree)
    copy_rows(connection, articles)
    copy_rows(connection, texts)
    for article in articles:
        if article.state is ArticleState.scheduled and article.publish_at is not None:
            arguments = {"article_id": str(article.id), "publish_at": article.publish_at.isoformat()}
            defer(connection, PUBLISH_DUE, arguments, at=article.publish_at)


def seed_polls(
    connection: Connection,
    tree: organisation.Organisation,
    everybody: Sequence[people.Person],
    states: dict[int, MemberState],
) -> None:
    """Write the polls with their responses, and defer the jobs that open and close them."""
    asked = polls.make_polls(tree)
    participations, responses = polls.make_responses(asked, everybody, states)
    copy_rows(connection, asked)
    copy_rows(connection, participations)
    copy_rows(connection, responses)
    for poll in asked:
        if poll.state is PollState.scheduled and poll.opens_at is not None:
            defer(connection, OPEN_DUE, {"poll_id": str(poll.id)}, at=poll.opens_at)
        if poll.state in {PollState.scheduled, PollState.open} and poll.closes_at is not None:
            defer(connection, CLOSE_DUE, {"poll_id": str(poll.id)}, at=poll.closes_at)


def defer(connection: Connection, task: str, arguments: dict[str, str], *, at: datetime) -> None:
    """Let a worker run `task` at its time, as services.jobs does in a session."""
    connection.execute(DEFER, [task, NORMAL, Jsonb(arguments), at])
