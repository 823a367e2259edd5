"""What applicants do to their own petitions."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from models.petitions import Petition, PetitionAction, PetitionEvent, PetitionState
from services.actors import Actor
from services.keyring import Keyring
from services.petitions.steps import Words, access_own_petition, take_step


async def send_message(
    session: AsyncSession, keys: Keyring, actor: Actor, reference: str, *, text: str, now: datetime
) -> PetitionEvent:
    """Write to the desk; while it waits for an answer this is the answer, and the clock goes on.

    Raises:
        NotFoundError: no such petition of the actor's.
        WrongStateError: it is decided, or ended.
    """
    case = await access_own_petition(session, actor, reference, lock=True)
    waiting = case.petition.state is PetitionState.awaiting_applicant
    action = PetitionAction.reply if waiting else PetitionAction.message
    return await take_step(session, keys, actor, case, action, words=Words(public_text=text), now=now)


async def withdraw_petition(
    session: AsyncSession, keys: Keyring, actor: Actor, reference: str, *, reason: str | None, now: datetime
) -> Petition:
    """Take a petition back before it is decided.

    Raises:
        NotFoundError: no such petition of the actor's.
        WrongStateError: it is decided, or ended.
    """
    case = await access_own_petition(session, actor, reference, lock=True)
    await take_step(session, keys, actor, case, PetitionAction.withdraw, words=Words(public_text=reason), now=now)
    return case.petition
