"""Phones with the app, and what was announced to them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from models.accounts import Account
from models.petitions import Petition, PetitionEvent
from models.polls import Poll, PollState
from models.push import AddressKind, CampaignState, Cause, Device, LinkKind, Platform, PushCampaign
from services.demo.fixed import DAY, chance, demo_id, moment
from services.demo.people import INTRODUCED, MEMBER
from services.push.campaigns import CATEGORY, LIFETIME

WITH_DEVICE: Final = 0.75
ANDROID: Final = 0.8
APP_VERSIONS: Final = ("1.0.0", "1.1.0", "1.1.1")
SENT_WITHIN: Final = timedelta(minutes=3)


def make_devices(accounts: Sequence[Account]) -> list[Device]:
    """A phone for most accounts; the console sender alone knows their addresses."""
    luck = chance("devices")
    introduced = {demo_id("account", number): number for number in INTRODUCED}
    devices = []
    for account in accounts:
        key = introduced.get(account.id, account.id)
        if luck.random() > WITH_DEVICE and account.id not in introduced:
            continue
        devices.append(
            Device(
                id=demo_id("device", key),
                installation_id=demo_id("installation", key),
                account_id=account.id,
                address=f"demo-{demo_id('address', key).hex}",
                address_kind=AddressKind.fid,
                platform=Platform.android if luck.random() < ANDROID else Platform.ios,
                language=account.language,
                app_version=luck.choice(APP_VERSIONS),
                created_at=account.created_at,
                last_seen_at=moment(DAY) - timedelta(hours=luck.randrange(1, 400)),
            )
        )
    return devices


def announce_polls(polls: Sequence[Poll]) -> list[PushCampaign]:
    """What told members of the open polls."""
    return [
        campaign(Cause.poll_opened, poll.id, LinkKind.poll, poll.id, at=poll.opened_at, branch_id=poll.branch_id)
        for poll in polls
        if poll.state is PollState.open and poll.opened_at is not None
    ]


def announce_steps(petitions: Sequence[Petition], events: Sequence[PetitionEvent]) -> list[PushCampaign]:
    """What told the member whom the demo introduces of the steps of her petitions."""
    account_id = demo_id("account", MEMBER)
    own = {petition.id for petition in petitions if petition.applicant_account_id == account_id}
    return [
        campaign(
            Cause.petition_step, event.id, LinkKind.petition, event.petition_id, at=event.at, account_id=account_id
        )
        for event in events
        if event.petition_id in own and event.public and event.account_id != account_id
    ]


def campaign(
    cause: Cause,
    cause_id: UUID,
    link_kind: LinkKind,
    link_id: UUID,
    *,
    at: datetime,
    branch_id: UUID | None = None,
    account_id: UUID | None = None,
) -> PushCampaign:
    """A campaign that was delivered long ago, so that only the inbox shows it."""
    return PushCampaign(
        id=demo_id("push_campaign", cause_id),
        cause=cause,
        cause_id=cause_id,
        category=CATEGORY[cause],
        link_kind=link_kind,
        link_id=link_id,
        branch_id=branch_id,
        account_id=account_id,
        state=CampaignState.done,
        created_at=at,
        expires_at=at + LIFETIME[cause],
        finished_at=at + SENT_WITHIN,
    )
