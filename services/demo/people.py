"""6,000 members: who they are and where they belong. Nobody of them exists; their IINs are valid in form only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final
from uuid import UUID

from models.branches import Branch, Settlement
from models.members import DuesCategory, Sex
from services.demo import names
from services.demo.fixed import DAY, chance, demo_id
from services.demo.organisation import Organisation
from services.iin import make_iin

MEMBERS: Final = 6_000
SMALLEST: Final = 8
ADULT: Final = 18
YOUTH_UNTIL: Final = 28
STUDENT_UNTIL: Final = 22
PENSION_AGE: Final = {Sex.male: 63, Sex.female: 61}
FIRST_ADMISSION: Final = date(2011, 3, 1)
YEAR_DAYS: Final = 365.25


@dataclass(frozen=True)
class Person:
    """One made-up member. `number` counts from 1; the first four are those that the demo introduces."""

    number: int
    family_name: str
    given_name: str
    patronymic: str
    sex: Sex
    birth_on: date
    iin: str
    phone: str
    branch: Branch
    settlement: Settlement
    admitted_on: date
    dues_category: DuesCategory

    @property
    def member_id(self) -> UUID:
        """The member row's id."""
        return demo_id("member", self.number)

    @property
    def account_id(self) -> UUID:
        """The account row's id."""
        return demo_id("account", self.number)

    @property
    def age(self) -> int:
        """In whole years."""
        return int((DAY - self.birth_on).days / YEAR_DAYS)

    @property
    def name(self) -> str:
        """Family name, given name, patronymic."""
        return f"{self.family_name} {self.given_name} {self.patronymic}"


@dataclass(frozen=True)
class Character:
    """One of the people whom the demo introduces: where, how called (family, given, father), and born when."""

    path: str
    sex: Sex
    family: str
    given: str
    father: str
    birth_on: date

    @property
    def family_name(self) -> str:
        """As this person bears it."""
        return names.woman(self.family) if self.sex is Sex.female else self.family

    @property
    def name(self) -> str:
        """Family name and given name."""
        return f"{self.family_name} {self.given}"


MEMBER, CHAIR, DISTRICT_ADMIN, HEAD_OFFICE_ADMIN = 1, 2, 3, 4

INTRODUCED: Final = {
    MEMBER: Character("kz.at.maqat.p1", Sex.female, "Сәрсенов", "Айгүл", "Нұрлан", date(1994, 4, 12)),
    CHAIR: Character("kz.at.maqat.p1", Sex.male, "Ахметов", "Дәулет", "Қайрат", date(1979, 9, 3)),
    DISTRICT_ADMIN: Character("kz.at.maqat.p2", Sex.female, "Есенов", "Гүлнар", "Марат", date(1983, 1, 27)),
    HEAD_OFFICE_ADMIN: Character("kz.at.atyrau.p1", Sex.male, "Жұмабаев", "Ерлан", "Болат", date(1976, 6, 18)),
}


def make_people(organisation: Organisation) -> list[Person]:
    """All members, the introduced ones first."""
    luck = chance("people")
    homes = [organisation.branches[character.path] for character in INTRODUCED.values()]
    homes += spread(luck, organisation.primaries, MEMBERS - len(homes))
    taken: set[str] = set()
    return [make_person(luck, number, home, organisation, taken) for number, home in enumerate(homes, 1)]


def spread(luck: Random, primaries: Sequence[Branch], count: int) -> list[Branch]:
    """A home for each of `count` people: some organisations are large, none is empty."""
    homes = [branch for branch in primaries for _ in range(SMALLEST)]
    weights = [luck.lognormvariate(0, 0.8) for _ in primaries]
    homes += luck.choices(primaries, weights, k=count - len(homes))
    luck.shuffle(homes)
    return homes


def make_person(luck: Random, number: int, home: Branch, organisation: Organisation, taken: set[str]) -> Person:
    """One person; `taken` holds the IINs given so far."""
    character = INTRODUCED.get(number)
    sex = character.sex if character else luck.choice((Sex.female, Sex.male))
    family = character.family if character else luck.choice(names.FAMILIES)
    given = character.given if character else luck.choice(names.WOMEN if sex is Sex.female else names.MEN)
    father = character.father if character else luck.choice(names.MEN)
    birth_on = character.birth_on if character else birthday(luck)
    woman = sex is Sex.female
    return Person(
        number=number,
        family_name=names.woman(family) if woman else family,
        given_name=given,
        patronymic=names.daughter(father) if woman else names.son(father),
        sex=sex,
        birth_on=birth_on,
        iin=free_iin(luck, birth_on, sex, taken),
        phone=phone(number),
        branch=home,
        settlement=luck.choice(organisation.settlements[home.path.rpartition(".")[0]]),
        admitted_on=admission(luck, birth_on),
        dues_category=category(luck, birth_on, sex),
    )


def phone(number: int) -> str:
    """The phone of a member."""
    return f"+7700{number:07d}"


def birthday(luck: Random) -> date:
    """Of somebody between 19 and 85, most often in the forties."""
    return DAY - timedelta(days=int(luck.triangular(ADULT + 1, 85, 44) * YEAR_DAYS))


def free_iin(luck: Random, birth_on: date, sex: Sex, taken: set[str]) -> str:
    """A valid IIN that nobody of the demo has."""
    while (iin := make_iin(birth_on, sex, luck.randrange(10_000))) is None or iin in taken:
        pass
    taken.add(iin)
    return iin


def admission(luck: Random, birth_on: date) -> date:
    """When the person, of age by then, joined."""
    earliest = max(FIRST_ADMISSION, birth_on + timedelta(days=int((ADULT + 0.1) * YEAR_DAYS)))
    return earliest + timedelta(days=luck.randrange(max(1, (DAY - earliest).days)))


def category(luck: Random, birth_on: date, sex: Sex) -> DuesCategory:
    """By age, and a few who pay nothing."""
    age = (DAY - birth_on).days / YEAR_DAYS
    if luck.random() < 0.02:
        return DuesCategory.exempt
    if age >= PENSION_AGE[sex]:
        return DuesCategory.pensioner
    return DuesCategory.student if age <= STUDENT_UNTIL else DuesCategory.standard
