"""Filling an empty database with the demo."""

from typing import Final

from psycopg import Connection

from services.demo import membership, organisation, people, staff
from services.demo.copying import copy_rows
from services.demo.fixed import demo_id
from services.keyring import Keyring

ONE_AT_A_TIME: Final = 7_350_217
"""The advisory lock of seeding: a second demo on the same database waits, then finds it done."""


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
    return True
