"""The first screen: what is new for me, in one call."""

import httpx
from sqlmodel.ext.asyncio.session import AsyncSession

from api.member.home import POLLS_SHOWN
from models.accounts import Account
from models.base import Language, utc_now
from models.polls import PollState
from tests.factories.devices import add_campaign
from tests.factories.news import make_article
from tests.factories.petitions import file_petition, open_desk
from tests.factories.polls import make_poll, respond
from tests.factories.world import SignIn, World


async def test_home_gathers_what_concerns_the_member(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    district, neighbour = world.branches["kz.at.maqat"], world.branches["kz.at.maqat2"]
    for title in ("бір", "екі", "үш", "төрт"):
        await make_article(session, district, title, at=utc_now(), languages=(Language.kk, Language.ru))
    await make_article(session, neighbour, "көршілер")
    unanswered = await make_poll(session, district)
    await respond(session, await make_poll(session, district), world.people["Aigul"])
    await make_poll(session, neighbour)
    await make_poll(session, district, state=PollState.closed)
    await add_campaign(session, branch=district)
    await add_campaign(session, branch=neighbour)
    await session.commit()
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.get("/v1/me/home", headers=headers | {"accept-language": "ru"})
    home = answer.json()
    assert answer.headers["content-language"] == "ru"
    assert [item["title"] for item in home["news"]] == ["төрт [ru]", "үш [ru]", "екі [ru]"]
    assert [(poll["id"], poll["responded"]) for poll in home["polls"]] == [(str(unanswered.id), False)]
    assert home["unread_count"] == 1


async def test_answered_polls_take_no_place_from_an_older_one(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    district, reader = world.branches["kz.at.maqat"], world.people["Aigul"]
    older = await make_poll(session, district)
    for _ in range(POLLS_SHOWN + 1):
        await respond(session, await make_poll(session, district), reader)
    headers = await sign_in(reader.account_id)
    home = (await client.get("/v1/me/home", headers=headers)).json()
    assert [poll["id"] for poll in home["polls"]] == [str(older.id)]
    for _ in range(POLLS_SHOWN):
        await make_poll(session, district)
    home = (await client.get("/v1/me/home", headers=headers)).json()
    assert len(home["polls"]) == POLLS_SHOWN
    assert str(older.id) not in {poll["id"] for poll in home["polls"]}


async def test_applicant_has_a_home_without_branches(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    applicant = Account(language=Language.kk, created_at=utc_now())
    session.add(applicant)
    await make_article(session, world.branches["kz"], "бір")
    await add_campaign(session, account_id=applicant.id)
    answer = await client.get("/v1/me/home", headers=await sign_in(applicant.id))
    home = answer.json()
    assert (home["news"], home["polls"], home["petitions"], home["unread_count"]) == ([], [], [], 1)


async def test_petition_is_on_the_first_screen_until_its_step_was_read(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in(world.people["Aigul"].account_id)
    moved, _resting = [(await file_petition(client, headers))["number"] for _ in range(2)]
    await client.put("/v1/me/inbox/read", headers=headers)
    await (await open_desk(client, world, sign_in)).do(moved, "register")
    home = (await client.get("/v1/me/home", headers=headers)).json()
    assert [(petition["number"], petition["state"]) for petition in home["petitions"]] == [(moved, "registered")]
    other = await sign_in(world.people["Marat"].account_id)
    assert (await client.get("/v1/me/home", headers=other)).json()["petitions"] == []
    await client.put("/v1/me/inbox/read", headers=headers)
    assert (await client.get("/v1/me/home", headers=headers)).json()["petitions"] == []
