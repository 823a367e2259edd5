"""Sign-in: failures of the second factor are counted, expired refresh tokens are found without reading all.

Deploy order: before the API. Rows touched: none (a constant default is not written to old rows). Locks taken: account
and refresh_token exclusively, for moments while they are small. Way back: drop the two columns and the index.
The rights on both tables stand in 0001.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    op.add_column("account", sa.Column("totp_failed_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("account", sa.Column("totp_failed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("refresh_token_expires_at_idx", "refresh_token", ["expires_at"], unique=False)
