"""The job queue: procrastinate's own schema, and who may use it.

Deploy order: before workers start. Rows touched: none. Locks taken: none. Way back: drop the database.
A later procrastinate brings migrations of its own; each becomes a migration here.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager

revision: Final = "0002"
down_revision: Final = "0001"

GRANTS: Final = """
GRANT INSERT, SELECT (id) ON procrastinate_jobs, procrastinate_events TO unqatu_app;
GRANT USAGE ON SEQUENCE procrastinate_jobs_id_seq, procrastinate_events_id_seq TO unqatu_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers
    TO unqatu_worker, unqatu_counter;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO unqatu_worker, unqatu_counter
"""


def upgrade() -> None:
    # The colons in it (:=, ::) are no parameters.
    op.execute(sa.text(SchemaManager.get_schema().replace(":", r"\:")))
    for statement in GRANTS.strip().split(";\n"):
        op.execute(statement)
