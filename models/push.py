"""Phones, what is announced to them, and how far the sending got.

A campaign says once that something happened; the inbox shows campaigns, so nothing is stored per reader but what was
read. Delivery state (batches, retries) is the sender's own and may be lost without losing the inbox.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import Language, enum_field, id_field


class Platform(StrEnum):
    """The system the app runs on."""

    android = "android"
    ios = "ios"


class AddressKind(StrEnum):
    """What a push address is; both are Firebase's."""

    token = "token"  # noqa: S105  # the name of a kind of address, no secret
    fid = "fid"


class Device(SQLModel, table=True):
    """One installation of the app: one row, moved when another account signs in on the same phone.

    `address` is a secret: whoever has it can be told things as if by us. It never stands in a log or an answer.
    """

    id: UUID = id_field()
    installation_id: UUID = Field(unique=True)
    account_id: UUID = Field(foreign_key="account.id", index=True)
    address: str = Field(unique=True, repr=False)
    address_kind: AddressKind = enum_field(AddressKind)
    platform: Platform = enum_field(Platform)
    language: Language = enum_field(Language)
    app_version: str
    created_at: datetime
    last_seen_at: datetime
    retired_at: datetime | None = Field(default=None, description="The push service said that the address is dead.")
    retired_reason: str | None = None


class Cause(StrEnum):
    """What happened."""

    poll_opened = "poll_opened"
    poll_reminder = "poll_reminder"
    petition_step = "petition_step"
    news_published = "news_published"
    reception_reminder = "reception_reminder"
    admin_message = "admin_message"


class LinkKind(StrEnum):
    """What the app opens."""

    news = "news"
    poll = "poll"
    petition = "petition"
    reception = "reception"
    message = "message"


class Category(StrEnum):
    """What a person can switch off, and the notification channel on Android."""

    news = "news"
    polls = "polls"
    petitions = "petitions"
    receptions = "receptions"
    messages = "messages"


class CampaignState(StrEnum):
    """planned → sending ⇄ paused → done; cancelled when its cause was withdrawn."""

    planned = "planned"
    sending = "sending"
    paused = "paused"
    done = "done"
    cancelled = "cancelled"


class PushCampaign(SQLModel, table=True):
    """One announcement, to a branch with all below it or to one account. A cause is announced once."""

    __tablename__ = "push_campaign"
    __table_args__ = (
        sa.UniqueConstraint("cause", "cause_id"),
        sa.CheckConstraint("num_nonnulls(branch_id, account_id) = 1", name="audience"),
        sa.CheckConstraint("(state = 'paused') = (pause_reason IS NOT NULL)", name="pause_reason"),
        sa.Index("push_campaign_branch_idx", "branch_id", "created_at", "id"),
        sa.Index("push_campaign_account_idx", "account_id", "created_at", "id"),
        sa.Index("push_campaign_unfinished_idx", "state", postgresql_where=sa.text("state IN ('sending', 'paused')")),
    )

    id: UUID = id_field()
    cause: Cause = enum_field(Cause)
    cause_id: UUID
    category: Category = enum_field(Category)
    link_kind: LinkKind = enum_field(LinkKind)
    link_id: UUID
    branch_id: UUID | None = Field(default=None, foreign_key="branch.id")
    account_id: UUID | None = Field(default=None, foreign_key="account.id")
    state: CampaignState = enum_field(CampaignState, default=CampaignState.planned)
    pause_reason: str | None = None
    created_at: datetime
    expires_at: datetime = Field(description="What was not delivered by then is not worth delivering.")
    finished_at: datetime | None = None


class BatchState(StrEnum):
    """A waiting batch is nobody's; a sending one belongs to the holder of its fence until `lease_until`."""

    waiting = "waiting"
    sending = "sending"
    done = "done"


class PushBatch(SQLModel, table=True):
    """A range of device ids, first and last included, in which a campaign's audience is sent to.

    `attempts` is the fence: each claim adds one, and progress is written under the number of one's own claim only.
    `position` is the last device that was dealt with. Targeted less accepted, retired and failed are those under way,
    waiting for a retry, or no longer in the audience.
    """

    __tablename__ = "push_batch"

    campaign_id: UUID = Field(primary_key=True, foreign_key="push_campaign.id")
    seq: int = Field(primary_key=True)
    first_device_id: UUID
    last_device_id: UUID
    position: UUID | None = None
    state: BatchState = enum_field(BatchState, default=BatchState.waiting)
    attempts: int = 0
    lease_until: datetime | None = None
    targeted_count: int
    accepted_count: int = 0
    retired_count: int = 0
    failed_count: int = 0


class PushRetry(SQLModel, table=True):
    """A message to be sent again at `due_at`. Claiming one adds to `attempts`, its fence, and moves `due_at` on, so
    that the claim of a dead worker runs out by itself."""

    __tablename__ = "push_retry"
    __table_args__ = (
        sa.ForeignKeyConstraint(["campaign_id", "seq"], ["push_batch.campaign_id", "push_batch.seq"]),
        sa.Index("push_retry_due_at_idx", "due_at"),
    )

    campaign_id: UUID = Field(primary_key=True)
    device_id: UUID = Field(primary_key=True, foreign_key="device.id", ondelete="CASCADE", index=True)
    seq: int
    attempts: int = 0
    due_at: datetime


class InboxRead(SQLModel, table=True):
    """That somebody has read a campaign in the inbox."""

    __tablename__ = "inbox_read"

    account_id: UUID = Field(primary_key=True, foreign_key="account.id")
    campaign_id: UUID = Field(primary_key=True, foreign_key="push_campaign.id", index=True)
    read_at: datetime
