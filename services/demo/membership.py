"""The rows of people: accounts, members, memberships, and who is neither (applicants)."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Final

from models.accounts import Account
from models.base import Language
from models.branches import Branch
from models.members import Member, Membership, MemberState
from services.demo.fixed import DAY, chance, days_ago, demo_id, moment
from services.demo.people import INTRODUCED, YOUTH_UNTIL, Person
from services.keyring import Keyring
from services.names import sort_key

WITH_APP: Final = 0.85
MOVED: Final = 0.05
LEFT: Final = 0.015
SUSPENDED: Final = 0.005
LANGUAGES: Final = {Language.kk: 76, Language.ru: 23, Language.en: 1}


def uses_app(person: Person) -> bool:
    """Whether the person has an account: not everybody has signed in yet."""
    return person.number in INTRODUCED or chance(f"app:{person.number}").random() < WITH_APP


def make_accounts(keys: Keyring, people: Sequence[Person]) -> list[Account]:
    """The accounts of those who use the app."""
    luck = chance("accounts")
    return [make_account(luck, keys, person) for person in people if uses_app(person)]


def make_account(luck: Random, keys: Keyring, person: Person) -> Account:
    """An account with its phone, as sign-in stores it."""
    introduced = person.number in INTRODUCED
    return Account(
        id=person.account_id,
        phone_encrypted=keys.encrypt(person.phone, purpose="account.phone"),
        phone_hash=keys.keyed_hash(person.phone, purpose="phone"),
        encryption_key_id=keys.current_encryption_id,
        language=Language.kk if introduced else luck.choices(list(LANGUAGES), list(LANGUAGES.values()))[0],
        created_at=moment(days_ago(luck.randrange(30, 700)), hour=8 + luck.randrange(12)),
    )


def make_members(keys: Keyring, people: Sequence[Person], states: dict[int, MemberState]) -> list[Member]:
    """The members' rows."""
    return [make_member(keys, person, states[person.number]) for person in people]


def make_member(keys: Keyring, person: Person, state: MemberState) -> Member:
    """One member's row."""
    return Member(
        id=person.member_id,
        account_id=person.account_id if uses_app(person) else None,
        family_name=person.family_name,
        given_name=person.given_name,
        patronymic=person.patronymic,
        name_sort=sort_key(person.name),
        birth_on=person.birth_on,
        sex=person.sex,
        youth_wing=person.age <= YOUTH_UNTIL,
        dues_category=person.dues_category,
        settlement_id=person.settlement.id,
        card_number=f"{person.number:08d}",
        iin_encrypted=keys.encrypt(person.iin, purpose="member.iin"),
        iin_hash=keys.keyed_hash(person.iin, purpose="iin"),
        encryption_key_id=keys.current_encryption_id,
        state=state,
        admitted_on=person.admitted_on,
        created_at=moment(person.admitted_on),
    )


def make_states(people: Sequence[Person]) -> dict[int, MemberState]:
    """By number: nearly all are active."""
    luck = chance("states")
    options = {MemberState.active: 1 - LEFT - SUSPENDED, MemberState.left: LEFT, MemberState.suspended: SUSPENDED}
    drawn = luck.choices(list(options), list(options.values()), k=len(people))
    introduced = dict.fromkeys(INTRODUCED, MemberState.active)
    return {person.number: state for person, state in zip(people, drawn, strict=True)} | introduced


def make_memberships(
    people: Sequence[Person], states: dict[int, MemberState], primaries: Sequence[Branch]
) -> list[Membership]:
    """Where each belonged and when: some have moved once, those who left belong nowhere now."""
    luck = chance("memberships")
    return [stay for person in people for stay in stays(luck, person, states[person.number], primaries)]


def stays(luck: Random, person: Person, state: MemberState, primaries: Sequence[Branch]) -> Iterator[Membership]:
    """One person's memberships, the oldest first."""
    started_on, last = person.admitted_on, days_ago(30)
    ended_on = between(luck, started_on, last) if state is MemberState.left else None
    before = luck.choice(primaries)
    if luck.random() < MOVED and before.id != person.branch.id and started_on < days_ago(400):
        moved_on = between(luck, started_on, days_ago(200))
        yield Membership(
            id=demo_id("membership", f"{person.number}:0"),
            member_id=person.member_id,
            branch_id=before.id,
            started_on=started_on,
            ended_on=moved_on,
        )
        started_on = moved_on
        ended_on = between(luck, started_on, last) if ended_on else None
    yield Membership(
        id=demo_id("membership", person.number),
        member_id=person.member_id,
        branch_id=person.branch.id,
        started_on=started_on,
        ended_on=ended_on,
    )


def between(luck: Random, first: date, last: date) -> date:
    """A day after `first`, up to `last` where that is later, never after the day of the demo."""
    return min(DAY, first + timedelta(days=luck.randrange(1, max(2, (last - first).days))))
