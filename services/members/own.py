"""The person's view of themselves."""

from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.branches import Branch
from models.members import Member
from services.actors import Actor


async def read_self(session: AsyncSession, actor: Actor) -> tuple[Member | None, Sequence[Branch]]:
    """The actor's own member row (None for an applicant) and branches, the nearest first."""
    if actor.member_id is None:
        return None, []
    member = await session.get(Member, actor.member_id)
    chain = select(Branch).where(col(Branch.id).in_(actor.branch_chain)).order_by(func.nlevel(Branch.path).desc())
    return member, (await session.exec(chain)).all()
