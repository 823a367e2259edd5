"""Members through the admin API: registering, reading, finding and correcting them."""

import base64
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.types import SIGNATURE_BYTES
from models.audit import AuditEvent
from models.branches import Settlement
from models.members import Member, MemberState
from models.roles import RoleName
from tests.factories.members import member_body, some_iin
from tests.factories.world import SignIn, World

URL = "/v1/admin/members"
PHONE = "+7 701 555 01 77"


@pytest.fixture
async def admin(world: World, sign_in: SignIn) -> dict[str, str]:
    """The admin of Maqat."""
    return await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)


async def register(client: httpx.AsyncClient, headers: dict[str, str], world: World, **values: Any) -> str:
    """Register somebody in p1 of Maqat; their id."""
    answer = await client.post(URL, headers=headers, json=member_body(world.branches["kz.at.maqat.p1"], **values))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def find(client: httpx.AsyncClient, headers: dict[str, str], by: str, value: str) -> list[str]:
    """Given names of those found."""
    answer = await client.post(f"{URL}/search", headers=headers, json={"by": by, "value": value})
    assert answer.status_code == 200, answer.text
    return [item["given_name"] for item in answer.json()["items"]]


async def read_audit(session: AsyncSession) -> list[AuditEvent]:
    """The audit, the oldest first."""
    return list((await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))).all())


async def test_registered_member_is_read_with_what_the_iin_says(
    client: httpx.AsyncClient, world: World, admin: dict[str, str]
) -> None:
    member_id = await register(client, admin, world, phone=PHONE, card_number="0077")
    answer = await client.get(f"{URL}/{member_id}", headers=admin)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    shown = answer.json()
    assert (shown["birth_on"], shown["sex"], shown["phone"]) == ("1994-04-12", "female", "+77015550177")
    branch_id = str(world.branches["kz.at.maqat.p1"].id)
    assert shown["memberships"] == [{"branch_id": branch_id, "started_on": "2026-02-02", "ended_on": None}]


async def test_registered_member_signs_in_with_the_phone(
    client: httpx.AsyncClient, session: AsyncSession, world: World, admin: dict[str, str], sign_in: SignIn
) -> None:
    member_id = await register(client, admin, world, phone=PHONE)
    account_id = (await session.exec(select(Member.account_id).where(col(Member.id) == member_id))).one()
    assert account_id is not None
    me = (await client.get("/v1/me", headers=await sign_in(account_id))).json()
    assert (me["member_id"], len(me["branches"])) == (member_id, 4)


async def test_iin_is_shown_to_those_who_may_read_it_and_to_nobody_else(
    client: httpx.AsyncClient, session: AsyncSession, world: World, admin: dict[str, str], sign_in: SignIn
) -> None:
    member_id = await register(client, admin, world)
    assert some_iin() not in (await client.get(f"{URL}/{member_id}", headers=admin)).text
    head_office = await sign_in.admin(world.branches["kz"], RoleName.head_office_admin)
    assert (await client.get(f"{URL}/{member_id}", headers=head_office)).json()["iin"] == some_iin()
    stored = (await session.exec(select(Member.iin_encrypted).where(col(Member.id) == member_id))).one()
    assert stored is not None
    assert some_iin().encode() not in stored


async def test_every_reading_is_one_row_of_the_audit(
    client: httpx.AsyncClient, session: AsyncSession, world: World, admin: dict[str, str]
) -> None:
    aigul, daulet = world.people["Aigul"].member_id, world.people["Daulet"].member_id
    await client.get(f"{URL}/{aigul}", headers=admin)
    await client.get(URL, headers=admin, params={"branch_id": str(world.branches["kz.at.maqat.p1"].id)})
    await client.post(f"{URL}/search", headers=admin, json={"by": "phone", "value": world.people["Daulet"].phone})
    read, listed, searched = await read_audit(session)
    assert (read.action, read.object_id, read.detail) == ("members:read", aigul, {"iin": False})
    assert (listed.action, listed.object_id) == ("members:list", world.branches["kz.at.maqat.p1"].id)
    assert listed.detail == {"member_ids": [str(aigul), str(daulet)]}
    assert (searched.action, searched.branch_id) == ("members:search_phone", world.branches["kz.at.maqat"].id)
    assert searched.detail == {"member_ids": [str(daulet)]}


async def test_who_may_only_write_learns_nothing_personal(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.program(world.branches["kz.at.maqat"], "members:write")
    url = f"{URL}/{world.people['Aigul'].member_id}"
    assert (await client.get(url, headers=headers)).status_code == 403
    edited = await client.patch(url, headers=headers | {"if-match": '"1"'}, json={"youth_wing": True})
    assert edited.json().keys() == {"id", "branch_id", "state", "version"}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"iin": "940412403176"}, "invalid_iin"),
        ({"iin": "123"}, "invalid_request"),
        ({"phone": "12"}, "invalid_phone"),
        ({"settlement_id": "0190f3a0-0000-7000-8000-000000000001"}, "unknown_settlement"),
        ({"admitted_on": "2999-01-01"}, "membership_date"),
    ],
)
async def test_what_cannot_be_is_refused_and_not_repeated(
    client: httpx.AsyncClient, world: World, admin: dict[str, str], values: dict[str, str], code: str
) -> None:
    body = member_body(world.branches["kz.at.maqat.p1"], **values)
    answer = await client.post(URL, headers=admin, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert body["iin"] not in answer.text


async def test_members_belong_to_primary_organisations(
    client: httpx.AsyncClient, world: World, admin: dict[str, str]
) -> None:
    answer = await client.post(URL, headers=admin, json=member_body(world.branches["kz.at.maqat"]))
    assert (answer.status_code, answer.json()["code"]) == (422, "not_primary")


@pytest.mark.parametrize("field", ["iin", "phone", "card_number"])
async def test_what_another_member_has_is_refused_and_the_try_stays_in_the_audit(
    client: httpx.AsyncClient, session: AsyncSession, world: World, admin: dict[str, str], sign_in: SignIn, field: str
) -> None:
    taken = {"iin": some_iin(), "phone": PHONE, "card_number": "0077"}
    await register(client, admin, world, **taken)
    neighbour = await sign_in.admin(world.branches["kz.at.inder"], RoleName.branch_admin)
    body = member_body(world.branches["kz.at.inder.p1"], **{"iin": some_iin(318), field: taken[field]})
    answer = await client.post(URL, headers=neighbour, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "member_taken")
    assert answer.json()["data"] == {"field": field}
    last = (await read_audit(session))[-1]
    assert (last.action, last.detail) == ("members:refuse_taken", {"field": field})
    assert await find(client, neighbour, "name", "Сәрсенова") == []


async def test_members_are_listed_in_kazakh_order_and_pages_join(
    client: httpx.AsyncClient, world: World, admin: dict[str, str]
) -> None:
    for order, family in enumerate(("Ұланова", "Яковлева", "Қайратова", "Әлиева", "Үмбетова", "Абаева"), 320):
        await register(client, admin, world, iin=some_iin(order), family_name=family)
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(URL, headers=admin, params=query)).json()
        seen += [item["family_name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        (place,) = json.loads(base64.urlsafe_b64decode(cursor + "==")[SIGNATURE_BYTES:])
        assert UUID(place), "a cursor stands in a URL, so it carries no name"
    assert [name for name in seen if name != "Сериков"] == [
        "Абаева", "Әлиева", "Қайратова", "Ұланова", "Үмбетова", "Яковлева",
    ]  # fmt: skip
    assert seen.count("Сериков") == 3


async def test_list_is_cut_to_the_own_subtree(client: httpx.AsyncClient, world: World, admin: dict[str, str]) -> None:
    shown = (await client.get(URL, headers=admin)).json()["items"]
    assert {item["given_name"] for item in shown} == {"Aigul", "Daulet", "Marat"}
    outside = await client.get(URL, headers=admin, params={"branch_id": str(world.branches["kz.at.maqat2"].id)})
    assert outside.status_code == 404


async def test_search_finds_by_name_phone_and_iin_inside_only(
    client: httpx.AsyncClient, world: World, admin: dict[str, str], sign_in: SignIn
) -> None:
    await register(client, admin, world, phone=PHONE)
    neighbour = await sign_in.admin(world.branches["kz.at.maqat2"], RoleName.branch_admin)
    for by, value in (("name", "сәрсенова аЙ"), ("name", "Cəрсен"), ("phone", "8 701 555 0177"), ("iin", some_iin())):
        assert await find(client, admin, by, value) == ["Айгүл"], value
        assert await find(client, neighbour, by, value) == []
    assert await find(client, admin, "name", "Айгүл") == []
    wrong = await client.post(f"{URL}/search", headers=admin, json={"by": "iin", "value": "940412403176"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_iin")
    assert "940412403176" not in wrong.text


async def test_edit_wants_the_version_and_changes_what_it_names(
    client: httpx.AsyncClient, session: AsyncSession, world: World, admin: dict[str, str]
) -> None:
    member_id = await register(client, admin, world)
    place = Settlement(branch_id=world.branches["kz.at.maqat"].id, name={"kk": "Доссор"})
    session.add(place)
    await session.commit()
    url = f"{URL}/{member_id}"
    body = {"family_name": "Ахметова", "patronymic": None, "settlement_id": str(place.id), "iin": some_iin(319)}
    assert (await client.patch(url, headers=admin, json=body)).status_code == 428
    edited = await client.patch(url, headers=admin | {"if-match": '"1"'}, json=body)
    assert (edited.status_code, edited.headers["etag"]) == (200, '"2"')
    stale = await client.patch(url, headers=admin | {"if-match": '"1"'}, json=body)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    shown = (await client.get(url, headers=admin)).json()
    assert (shown["family_name"], shown["given_name"], shown["patronymic"]) == ("Ахметова", "Айгүл", None)
    assert await find(client, admin, "name", "Ахметова Айгүл") == ["Айгүл"]
    assert await find(client, admin, "iin", some_iin()) == []
    (audited,) = [event for event in await read_audit(session) if event.action == "members:edit"]
    assert audited.detail == {"fields": ["family_name", "iin", "patronymic", "settlement_id"]}


async def test_new_phone_is_a_new_account_and_takes_no_roles_along(
    client: httpx.AsyncClient, world: World, admin: dict[str, str], sign_in: SignIn
) -> None:
    daulet = world.people["Daulet"]
    edited = await client.patch(f"{URL}/{daulet.member_id}", headers=admin | {"if-match": '"1"'}, json={"phone": PHONE})
    assert edited.status_code == 200
    shown = (await client.get(f"{URL}/{daulet.member_id}", headers=admin)).json()
    assert shown["phone"] == "+77015550177"
    old = (await client.get("/v1/me", headers=await sign_in(daulet.account_id))).json()
    new = (await client.get("/v1/me", headers=await sign_in(shown["account_id"]))).json()
    assert (old["member_id"], old["roles"]) == (None, ["chair"])
    assert (new["member_id"], new["roles"]) == (str(daulet.member_id), [])


async def test_erased_member_is_not_edited(
    client: httpx.AsyncClient, session: AsyncSession, world: World, admin: dict[str, str]
) -> None:
    member = await session.get(Member, world.people["Marat"].member_id)
    assert member is not None
    member.state = MemberState.erased
    await session.commit()
    answer = await client.patch(f"{URL}/{member.id}", headers=admin | {"if-match": '"1"'}, json={"given_name": "М"})
    assert (answer.status_code, answer.json()["code"]) == (409, "member_state")
