"""Let the API see how long the job queue is, and nothing of what the jobs are told.

Deploy order: migrate before the new code starts. Rows touched: none. Locks taken: none that matter. Way back: revoke.
"""

from typing import Final

from alembic import op

revision: Final = "0010"
down_revision: Final = "0009"


def upgrade() -> None:
    op.execute("GRANT SELECT (task_name, status, scheduled_at) ON procrastinate_jobs TO unqatu_app")
    op.execute("GRANT SELECT (job_id, type, at) ON procrastinate_events TO unqatu_app")
