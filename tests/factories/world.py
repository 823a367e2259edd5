"""A small organisation with fixed, readable people.

kz ─ at ─┬─ maqat  ─┬─ p1   Aigul (member), Daulet (member, chair of p1)
         │          └─ p2   Marat (member)
         ├─ maqat2 ─── p1   Saule (member): a look-alike prefix of maqat
         └─ inder  ─── p1   Erlan (member): a neighbour
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import Runtime
from api.tokens import SERVICE_TOKEN_MARK, issue_access_token
from models.accounts import Account, AuthSession, ServiceToken
from models.base import Language, new_id, utc_now
from models.branches import Branch, BranchLevel
from models.members import Member, Membership, Sex
from models.roles import Role, RoleName
from services.keyring import Keyring
from services.names import sort_key

LONG_AGO = datetime(2024, 1, 15, 9, 0, tzinfo=UTC)
LEVELS = (BranchLevel.republic, BranchLevel.region, BranchLevel.district, BranchLevel.primary)
PATHS = (
    "kz",
    "kz.at",
    "kz.at.maqat",
    "kz.at.maqat.p1",
    "kz.at.maqat.p2",
    "kz.at.maqat2",
    "kz.at.maqat2.p1",
    "kz.at.inder",
    "kz.at.inder.p1",
)


@dataclass(frozen=True)
class Person:
    """An account with its member."""

    account_id: UUID
    member_id: UUID
    phone: str


@dataclass
class World:
    """Branches by path, people by given name."""

    branches: dict[str, Branch] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)


def make_branch(path: str, parent: Branch | None) -> Branch:
    """A branch whose level follows from the depth of its path."""
    code = path.rsplit(".", 1)[-1]
    level = LEVELS[path.count(".")]
    return Branch(
        parent_id=parent.id if parent else None,
        level=level,
        code=code,
        path=path,
        name={"kk": f"{code} филиалы", "ru": f"Филиал {code}"},
        region_code=code.upper() if level is BranchLevel.region else None,
        created_at=LONG_AGO,
    )


async def make_account(session: AsyncSession, keys: Keyring, phone: str) -> Account:
    """An account that can sign in with `phone`."""
    account = Account(
        phone_encrypted=keys.encrypt(phone, purpose="account.phone"),
        phone_hash=keys.keyed_hash(phone, purpose="phone"),
        encryption_key_id=keys.current_encryption_id,
        language=Language.kk,
        created_at=LONG_AGO,
    )
    session.add(account)
    await session.flush()
    return account


async def make_person(session: AsyncSession, keys: Keyring, name: str, phone: str, branch: Branch) -> Person:
    """A member of a primary organisation, with an account."""
    account = await make_account(session, keys, phone)
    member = Member(
        account_id=account.id,
        family_name="Сериков",
        given_name=name,
        name_sort=sort_key("Сериков", name),
        birth_on=date(1980, 5, 17),
        sex=Sex.female,
        admitted_on=date(2020, 3, 1),
        created_at=LONG_AGO,
    )
    session.add(member)
    await session.flush()
    session.add(Membership(member_id=member.id, branch_id=branch.id, started_on=date(2020, 3, 1)))
    await session.flush()
    return Person(account.id, member.id, phone)


async def give_role(session: AsyncSession, account_id: UUID, branch: Branch, name: RoleName) -> None:
    """Let an account hold a role in a branch."""
    session.add(Role(account_id=account_id, branch_id=branch.id, name=name, granted_at=LONG_AGO))
    await session.flush()


async def make_branches(session: AsyncSession) -> World:
    """The branches as drawn above, without people."""
    world = World()
    for path in PATHS:
        branch = make_branch(path, world.branches.get(path.rpartition(".")[0]))
        session.add(branch)
        await session.flush()
        world.branches[path] = branch
    return world


async def make_world(session: AsyncSession, keys: Keyring) -> World:
    """Branches and people as drawn above."""
    world = await make_branches(session)
    homes = {
        "Aigul": "kz.at.maqat.p1",
        "Daulet": "kz.at.maqat.p1",
        "Marat": "kz.at.maqat.p2",
        "Saule": "kz.at.maqat2.p1",
        "Erlan": "kz.at.inder.p1",
    }
    for number, (name, path) in enumerate(homes.items()):
        phone = f"+770112345{number:02d}"
        world.people[name] = await make_person(session, keys, name, phone, world.branches[path])
    await give_role(session, world.people["Daulet"].account_id, world.branches["kz.at.maqat.p1"], RoleName.chair)
    return world


@dataclass(frozen=True)
class SignIn:
    """Makes credentials; each call gives the headers of a request."""

    session: AsyncSession
    runtime: Runtime

    async def __call__(self, account_id: UUID, *, raised: bool = False, on: UUID | None = None) -> dict[str, str]:
        """A session of a person, `on` an installation; `raised` as after a second factor."""
        now = utc_now()
        made = AuthSession(
            id=new_id(),
            account_id=account_id,
            installation_id=on or uuid4(),
            created_at=now,
            last_seen_at=now,
            second_factor_at=now if raised else None,
        )
        self.session.add(made)
        await self.session.commit()
        token = issue_access_token(
            self.runtime.keys, account_id=account_id, session_id=made.id, lifetime=timedelta(minutes=10), now=now
        )
        return {"authorization": f"Bearer {token}"}

    async def admin(self, branch: Branch, role: RoleName, *, raised: bool = True) -> dict[str, str]:
        """A new person with a role in a branch and a session, raised unless told otherwise."""
        account = Account(language=Language.kk, created_at=LONG_AGO)
        self.session.add(account)
        await self.session.flush()
        await give_role(self.session, account.id, branch, role)
        return await self(account.id, raised=raised)

    async def program(self, branch: Branch, *scopes: str) -> dict[str, str]:
        """A service token of a branch."""
        prefix, secret = uuid4().hex[:10], uuid4().hex
        self.session.add(
            ServiceToken(
                branch_id=branch.id,
                name="accounting",
                prefix=prefix,
                secret_hash=sha256(secret.encode()).digest(),
                scopes=list(scopes),
                created_at=LONG_AGO,
                expires_at=utc_now() + timedelta(days=1),
            )
        )
        await self.session.commit()
        return {"authorization": f"Bearer {SERVICE_TOKEN_MARK}_{prefix}_{secret}"}
