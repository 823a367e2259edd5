"""400 petitions in every state, each with the events that led there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Final
from uuid import UUID

from models.base import Language
from models.branches import Branch, Settlement
from models.members import MemberState
from models.petitions import Outcome, Petition, PetitionChannel, PetitionEvent, PetitionSeries, RejectionCode
from models.petitions import PetitionAction as Action
from models.petitions import PetitionState as State
from models.roles import Role, RoleName
from services.calendar import WorkingCalendar, business_date
from services.demo.fixed import chance, days_ago, demo_id, moment
from services.demo.membership import uses_app
from services.demo.organisation import REGION_PATH, Organisation
from services.demo.people import INTRODUCED, MEMBER, Person
from services.demo.petitions_texts import BY_CATEGORY, CONFIDENTIAL, DECIDED, NOTE, REPORT, SAID, Complaint
from services.demo.polls_texts import Line
from services.keyring import Keyring, fingerprint
from services.petitions.deadlines import first_due, resumed_due
from services.petitions.intake import format_number
from services.petitions.life import INTERNAL, TABLE
from services.petitions.sealing import seal, tracking_code

BEGUN: Final = (Action.file, Action.register, Action.assign, Action.start)
DONE: Final = (*BEGUN, Action.decide)
ASKED: Final = (*BEGUN, Action.ask, Action.reply)
ENDINGS: Final[tuple[tuple[int, tuple[Action, ...]], ...]] = (
    (20, BEGUN[:1]),
    (25, BEGUN[:2]),
    (30, BEGUN[:3]),
    (30, BEGUN),
    (15, ASKED),
    (20, ASKED[:-1]),
    (15, (*BEGUN, Action.note, Action.forward)),
    (60, DONE),
    (100, (*DONE, Action.close)),
    (40, (*ASKED, Action.decide, Action.close)),
    (10, (*DONE, Action.request_reopening)),
    (15, (Action.file, Action.reject)),
    (10, (Action.file, Action.register, Action.mark_duplicate)),
    (10, (Action.file, Action.register, Action.withdraw)),
)
"""How many petitions have gone through what."""

CONFIDENTIAL_EVERY: Final = 60
BY_HAND_EVERY: Final = 7
OWN: Final = (ASKED[:-1], (*DONE, Action.close), BEGUN)
"""Those of the member whom the demo introduces."""

LONGEST_AGO: Final = {False: 25, True: 330}
"""In days, of petitions that are open and that are decided."""

OUTCOMES: Final = {
    Outcome.satisfied: 50,
    Outcome.explained: 30,
    Outcome.partly_satisfied: 10,
    Outcome.refused: 5,
    Outcome.redirected: 5,
}
BY_HAND: Final = (PetitionChannel.office, PetitionChannel.phone, PetitionChannel.letter, PetitionChannel.social)
BY_APPLICANT: Final = frozenset({Action.file, Action.reply, Action.request_reopening, Action.withdraw})


@dataclass(frozen=True)
class Draft:
    """A petition before it has a number: who, where, what, and what happened when."""

    key: int
    applicant: Person
    path: str
    settlement: Settlement
    category: str
    complaint: Complaint
    language: Language
    channel: PetitionChannel
    actions: tuple[Action, ...]
    times: tuple[datetime, ...]

    @property
    def id(self) -> UUID:
        """The petition's id."""
        return demo_id("petition", self.key)

    @property
    def confidential(self) -> bool:
        """Whether it is numbered apart and read by party control alone."""
        return self.category == CONFIDENTIAL

    def say(self, line: Line) -> str:
        """A text in the applicant's language."""
        text = line[0] if self.language is Language.kk else line[1]
        return text.format(place=self.settlement.name[self.language])


@dataclass(frozen=True)
class Desks:
    """Who handles petitions, by the path of the branch."""

    staff: dict[str, UUID]

    @classmethod
    def of(cls, organisation: Organisation, roles: Sequence[Role]) -> "Desks":
        """Desks of the districts, and party control of the region."""
        paths = {branch.id: path for path, branch in organisation.branches.items()}
        names = {RoleName.petition_desk, RoleName.party_control}
        found = {paths[role.branch_id]: role.account_id for role in roles if role.name in names}
        return cls(found)


def draft_petitions(
    organisation: Organisation, people: Sequence[Person], states: dict[int, MemberState], desks: Desks
) -> list[Draft]:
    """All petitions, in the order in which they came."""
    luck = chance("petitions")
    active = [person for person in people if states[person.number] is MemberState.active and uses_app(person)]
    busy = {*desks.staff.values(), *(demo_id("account", number) for number in INTRODUCED)}
    applicants = [person for person in active if person.account_id not in busy]
    endings = [actions for count, actions in ENDINGS for _ in range(count)]
    luck.shuffle(endings)
    for actions in OWN:
        endings.remove(actions)
    own = next(person for person in people if person.number == MEMBER)
    authors = [*((own, actions) for actions in OWN), *((luck.choice(applicants), actions) for actions in endings)]
    drafts = [make_draft(luck, key, *author, organisation) for key, author in enumerate(authors, 1)]
    return sorted(drafts, key=lambda draft: draft.times[0])


def make_draft(
    luck: Random, key: int, applicant: Person, actions: tuple[Action, ...], organisation: Organisation
) -> Draft:
    """One petition."""
    district = applicant.branch.path.rpartition(".")[0]
    confidential = key % CONFIDENTIAL_EVERY == 0 and Action.mark_duplicate not in actions
    category = CONFIDENTIAL if confidential else luck.choice(list(BY_CATEGORY))
    by_hand = key % BY_HAND_EVERY == 0 and not confidential and not BY_APPLICANT & set(actions[1:])
    return Draft(
        key=key,
        applicant=applicant,
        path=REGION_PATH if confidential else district,
        settlement=luck.choice(organisation.settlements[district]),
        category=category,
        complaint=REPORT if confidential else luck.choice(BY_CATEGORY[category]),
        language=luck.choices((Language.kk, Language.ru), (3, 1))[0],
        channel=luck.choice(BY_HAND) if by_hand else PetitionChannel.app,
        actions=actions,
        times=tuple(happened(luck, actions)),
    )


def happened(luck: Random, actions: Sequence[Action]) -> Iterator[datetime]:
    """When each act was done: in office hours, one or two days apart."""
    decided = Action.decide in actions
    ago = 2 * len(actions) + luck.randrange(1, LONGEST_AGO[decided])
    for _ in actions:
        yield moment(days_ago(ago), hour=9 + luck.randrange(9), minute=luck.randrange(60))
        ago -= luck.choice((1, 2))


def number_petitions(drafts: Sequence[Draft]) -> dict[int, tuple[int, PetitionSeries, int]]:
    """Year, series and sequence of each petition by its key: consecutive in the order of receipt."""
    last: dict[tuple[int, PetitionSeries], int] = {}
    numbers = {}
    for draft in drafts:
        series = PetitionSeries.confidential if draft.confidential else PetitionSeries.general
        year = business_date(draft.times[0]).year
        last[year, series] = last.get((year, series), 0) + 1
        numbers[draft.key] = (year, series, last[year, series])
    return numbers


def original_of(drafts: Sequence[Draft], draft: Draft) -> UUID | None:
    """For a duplicate, the last petition before it in the same branch and series that is none itself."""
    if Action.mark_duplicate not in draft.actions:
        return None
    before = drafts[: drafts.index(draft)]
    same = [other for other in before if (other.path, other.confidential) == (draft.path, draft.confidential)]
    return [other.id for other in same if Action.mark_duplicate not in other.actions][-1]


def make_petition(
    keys: Keyring,
    draft: Draft,
    number: tuple[int, PetitionSeries, int],
    branch: Branch,
    desk: UUID,
    original_id: UUID | None,
) -> Petition:
    """The row, as the last event left it."""
    luck = chance(f"petition:{draft.key}")
    year, series, sequence = number
    kind, subject, text = draft.complaint
    state = state_after(draft.actions)
    due_on, paused_on = clock(draft)
    return Petition(
        id=draft.id,
        number=format_number("AT", year, series, sequence),
        region_code="AT",
        year=year,
        series=series,
        sequence=sequence,
        kind=kind,
        category_code=draft.category,
        state=state,
        outcome=outcome_of(draft),
        rejection_code=RejectionCode.not_for_us if state is State.rejected else None,
        duplicate_of_id=original_id if state is State.duplicate else None,
        branch_id=branch.id,
        settlement_id=draft.settlement.id,
        applicant_account_id=draft.applicant.account_id if draft.channel is PetitionChannel.app else None,
        assignee_account_id=desk if Action.assign in draft.actions else None,
        channel=draft.channel,
        language=draft.language,
        confidential=draft.confidential,
        text_encrypted=seal(keys, draft.id, "petition.text", draft.say(text)),
        subject_encrypted=seal(keys, draft.id, "petition.subject", draft.say(subject)),
        place_encrypted=seal(keys, draft.id, "petition.place", draft.settlement.name[draft.language]),
        contact_encrypted=seal(keys, draft.id, "petition.contact", luck.choice((None, draft.applicant.phone))),
        encryption_key_id=keys.current_encryption_id,
        tracking_code_hash=fingerprint(tracking_code(keys, draft.id)),
        consented_at=draft.times[0],
        received_at=draft.times[0],
        due_on=due_on,
        paused_on=paused_on,
        updated_at=max(at for at, action in zip(draft.times, draft.actions, strict=True) if action not in INTERNAL),
        version=len(draft.actions),
    )


def state_after(actions: Sequence[Action]) -> State:
    """Where these acts lead, by the table of a petition's life."""
    state = State.received
    for action in actions[1:]:
        state = TABLE[state, action].target
    return state


def outcome_of(draft: Draft) -> Outcome | None:
    """How it was decided, if it was."""
    luck = chance(f"outcome:{draft.key}")
    return luck.choices(list(OUTCOMES), list(OUTCOMES.values()))[0] if Action.decide in draft.actions else None


def clock(draft: Draft) -> tuple[date, date | None]:
    """By when it must be answered, and since when the clock stands."""
    calendar = WorkingCalendar()
    due_on, paused_on = first_due(calendar, draft.times[0]), None
    for action, at in zip(draft.actions, draft.times, strict=True):
        if action is Action.ask:
            paused_on = business_date(at)
        if action is Action.reply and paused_on is not None:
            due_on = resumed_due(calendar, due_on, paused_on=paused_on, resumed_on=business_date(at))
            paused_on = None
    return due_on, paused_on


def make_events(keys: Keyring, draft: Draft, desk: UUID, original_id: UUID | None) -> Iterator[PetitionEvent]:
    """One event an act."""
    applicant = draft.applicant.account_id
    for seq, (action, at) in enumerate(zip(draft.actions, draft.times, strict=True), 1):
        event_id = demo_id("petition_event", f"{draft.key}:{seq}")
        note = draft.say(NOTE) if action is Action.note else None
        by_applicant = action in BY_APPLICANT and draft.channel is PetitionChannel.app
        yield PetitionEvent(
            id=event_id,
            petition_id=draft.id,
            seq=seq,
            action=action,
            state=state_after(draft.actions[:seq]),
            public=action not in INTERNAL,
            account_id=applicant if by_applicant else desk,
            at=at,
            public_text_encrypted=seal(keys, event_id, "petition_event.public_text", said(draft, action)),
            internal_note_encrypted=seal(keys, event_id, "petition_event.internal_note", note),
            encryption_key_id=keys.current_encryption_id,
            detail=detail_of(draft, action, desk, original_id),
        )


def said(draft: Draft, action: Action) -> str | None:
    """What the applicant reads of an act."""
    outcome = outcome_of(draft)
    line = DECIDED[outcome] if action is Action.decide and outcome else SAID.get(action)
    return draft.say(line) if line else None


def detail_of(draft: Draft, action: Action, desk: UUID, original_id: UUID | None) -> dict[str, str]:
    """What the act set beside the state: ids and codes."""
    settings: dict[Action, dict[str, object]] = {
        Action.register: {"kind": draft.complaint[0], "category_code": draft.category},
        Action.assign: {"assignee_account_id": desk},
        Action.decide: {"outcome": outcome_of(draft)},
        Action.reject: {"rejection_code": RejectionCode.not_for_us},
        Action.mark_duplicate: {"duplicate_of_id": original_id},
    }
    return {name: str(value) for name, value in settings.get(action, {}).items()}
