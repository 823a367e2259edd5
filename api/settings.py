"""The settings, read from the environment once. The README's table lists them for operators."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.push.quiet_hours import Window, parse_window

CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
Region = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
PostgresUrl = Annotated[str, StringConstraints(pattern=r"^postgres(ql)?://")]


class Environment(StrEnum):
    """Production refuses what only a demo may have: senders that write to a console instead of reaching a phone."""

    demo = "demo"
    test = "test"
    production = "production"


class Feature(StrEnum):
    """A part of the app that can be switched off for all phones."""

    news = "news"
    polls = "polls"
    petitions = "petitions"


class Settings(BaseSettings):
    """One field a setting; UNQATU_<NAME> in the environment, but for DATABASE_URL and Google's variable."""

    model_config = SettingsConfigDict(env_prefix="UNQATU_", frozen=True, extra="forbid")

    environment: Environment = Field(
        default=Environment.production, description="demo, test or production, which refuses what shows codes."
    )
    data_folder: Path = Field(default=Path(".data"), description="For files and keys that have no place of their own.")
    database_url: PostgresUrl | None = Field(
        default=None,
        validation_alias=AliasChoices("database_url", "DATABASE_URL"),
        description="PostgreSQL 17 or newer. Without it, the demo and the tests run an embedded server.",
    )
    owner_database_url: PostgresUrl | None = Field(default=None, description="For migrations; else database_url.")
    worker_database_url: PostgresUrl | None = Field(default=None, description="For workers; else database_url.")
    counter_database_url: PostgresUrl | None = Field(default=None, description="Opens ballots; else database_url.")
    keys_folder: Path | None = Field(
        default=None, description="Keys that must not be in the database; made by `unqatu keys init`."
    )
    host: str = Field(default="127.0.0.1", description="The address the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Its port.")
    processes: int = Field(default=1, ge=1, le=64, description="Server processes; one a core.")

    access_token_lifetime: timedelta = Field(
        default=timedelta(minutes=10), description="The demo gives hours, so that its tokens last."
    )
    refresh_token_lifetime: timedelta = Field(
        default=timedelta(days=60), description="A session ends when nobody used it for so long."
    )
    refresh_grace: timedelta = Field(
        default=timedelta(seconds=30), description="A refresh repeated within this time gets the same tokens."
    )
    code_lifetime: timedelta = Field(default=timedelta(minutes=5), description="Of a code sent by SMS.")
    second_factor_lifetime: timedelta = Field(
        default=timedelta(hours=12), description="Then an admin gives a one-time password again."
    )
    phone_regions: frozenset[Region] = Field(
        default=frozenset({"KZ"}), description="Countries whose phones get codes, a JSON list of ISO 3166 codes."
    )
    code_sends_per_hour: int = Field(
        default=20_000, ge=1, description="Codes sent to all phones together, then a pause."
    )
    code_failures_per_hour: int = Field(default=2_000, description="Wrong codes of all phones together, then a pause.")

    minimum_app_version: str = Field(
        default="1.0.0", pattern=r"^\d+\.\d+\.\d+$", description="Older apps ask for an update."
    )
    features_off: frozenset[Feature] = Field(
        default=frozenset(), description='What phones do not show, a JSON list: ["polls"].'
    )

    sms_sender: str = Field(
        default="console",
        pattern=r"^(console|[\w.]+:\w+)$",
        description="console, or package.module:factory of a push.sms.SmsSender.",
    )
    push_sender: str = Field(
        default="console", pattern="^(console|fcm)$", description="fcm, or console, which workers refuse in production."
    )
    push_log: Path | None = Field(default=None, description="A file the console push sender appends to.")
    google_application_credentials: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("google_application_credentials", "GOOGLE_APPLICATION_CREDENTIALS"),
        description="The JSON file of the service account that sends by FCM.",
    )
    push_batch_size: int = Field(default=500, ge=1, le=10_000, description="Devices in a job.")
    push_slice_size: int = Field(default=125, ge=1, le=500, description="Messages between two notes of progress.")
    push_lease: timedelta = Field(
        default=timedelta(minutes=1), description="A sender silent for longer has lost its batch."
    )
    quiet_hours: Annotated[str | None, BeforeValidator(lambda value: None if value == "off" else value)] = Field(
        default="22:00-08:00",
        pattern=rf"^{CLOCK}-{CLOCK}$",
        description='In Asia/Almaty; news and polls wait until they end. "off" for none.',
    )
    job_heartbeat: timedelta = Field(
        default=timedelta(seconds=10), description="A worker that missed three of them counts as dead."
    )
    files_url: str | None = Field(default=None, description="s3://bucket/prefix; else a folder in data_folder.")
    metrics_token: SecretStr | None = Field(default=None, description="Without it, /metrics answers loopback only.")
    hot_lane: bool = Field(default=True, description="Whether feed, polls and answers take the short path.")
    hot_lane_lifetime: timedelta = Field(
        default=timedelta(seconds=10), description="How long it remembers pages that no change dropped; 0 nothing."
    )

    @model_validator(mode="after")
    def refuse_demo_parts_in_production(self) -> Self:
        """A console that shows codes to operators is a hole, so production does not start with it."""
        if self.environment is Environment.production and self.sms_sender == "console":
            raise ValueError("the console SMS sender shows codes; set UNQATU_SMS_SENDER in production")
        return self

    @property
    def quiet_window(self) -> Window | None:
        """The quiet hours as two times of a day."""
        return parse_window(self.quiet_hours) if self.quiet_hours else None

    @property
    def keys(self) -> Path:
        """The folder of the keys."""
        return self.keys_folder or self.data_folder / "keys"
