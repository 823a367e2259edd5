"""Sign-in: failures of the second factor are counted.

Deploy order: before the API. Rows touched: none (a constant default is not written to old rows). Locks taken: account
exclusively, for a moment. Way back: drop the two columns. The rights on the table stand in 0001.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    op.add_column("account", sa.Column("totp_failed_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("account", sa.Column("totp_failed_at", sa.DateTime(timezone=True), nullable=True))
