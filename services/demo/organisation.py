"""The tree of the demo: the republic, the Atyrau region, its eight districts, 60 primary organisations."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from models.base import Translations
from models.branches import Branch, BranchLevel, Settlement
from services.demo.fixed import demo_id, moment
from services.demo.places import DISTRICTS, REGION, REPUBLIC, District, Name

ROOT: Final = "kz"
REGION_PATH: Final = "kz.at"
FOUNDED: Final = moment(date(2011, 3, 1))


@dataclass
class Organisation:
    """Branches by path, in the order of the tree; settlements by the path of their district."""

    branches: dict[str, Branch] = field(default_factory=dict)
    settlements: dict[str, list[Settlement]] = field(default_factory=dict)

    @property
    def primaries(self) -> list[Branch]:
        """The primary organisations."""
        return [branch for branch in self.branches.values() if branch.level is BranchLevel.primary]

    @property
    def districts(self) -> list[Branch]:
        """The district branches."""
        return [branch for branch in self.branches.values() if branch.level is BranchLevel.district]


def make_organisation() -> Organisation:
    """The tree, the same every time."""
    made = Organisation()
    add_branch(made, ROOT, BranchLevel.republic, translations(REPUBLIC))
    add_branch(made, REGION_PATH, BranchLevel.region, translations(REGION), region_code="AT")
    for district in DISTRICTS:
        add_district(made, district)
    return made


def add_district(made: Organisation, district: District) -> None:
    """A district branch with its settlements and primary organisations; the first one is of the main place."""
    path = f"{REGION_PATH}.{district.code}"
    branch = add_branch(made, path, BranchLevel.district, translations(district.name))
    made.settlements[path] = [
        Settlement(
            id=demo_id("settlement", f"{path}:{name[1]}"), branch_id=branch.id, name={"kk": name[0], "ru": name[1]}
        )
        for name in district.settlements
    ]
    for number in range(1, district.primaries + 1):
        kk, ru = place_of(district, number)
        name = {
            "kk": f"№ {number} бастауыш партия ұйымы ({kk})",
            "ru": f"Первичная партийная организация № {number} ({ru})",
        }
        add_branch(made, f"{path}.p{number}", BranchLevel.primary, name)


def place_of(district: District, number: int) -> Name:
    """Where a primary organisation is: in turn, the settlements of its district."""
    return district.settlements[(number - 1) % len(district.settlements)]


def add_branch(
    made: Organisation, path: str, level: BranchLevel, name: Translations, region_code: str | None = None
) -> Branch:
    """Add a branch below its parent."""
    parent_path, _, code = path.rpartition(".")
    branch = Branch(
        id=demo_id("branch", path),
        parent_id=demo_id("branch", parent_path) if parent_path else None,
        level=level,
        code=code,
        path=path,
        name=name,
        region_code=region_code,
        created_at=FOUNDED,
    )
    made.branches[path] = branch
    return branch


def translations(name: Name) -> Translations:
    """(kk, ru) as the database keeps it."""
    return {"kk": name[0], "ru": name[1]}
