"""The petition desk: the way from receipt to decision, and who may take it."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.audit import AuditEvent
from models.base import utc_now
from models.petitions import Petition
from models.push import Cause, PushCampaign
from models.roles import RoleName
from services.calendar import business_date
from tests.factories.petitions import DESK_URL, TEXT, URL, Desk, account_of, file_petition, open_desk, send_photo
from tests.factories.world import SignIn, World

NOWHERE = "AT-2026-999999"


@pytest.fixture
async def aigul(world: World, sign_in: SignIn) -> dict[str, str]:
    """The applicant."""
    return await sign_in(world.people["Aigul"].account_id)


@pytest.fixture
async def desk(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> Desk:
    """The desk of her district."""
    return await open_desk(client, world, sign_in)


async def test_from_receipt_to_decision_and_the_applicant_sees_and_hears_of_every_step(
    client: httpx.AsyncClient, session: AsyncSession, world: World, aigul: dict[str, str], desk: Desk
) -> None:
    upload_id = await send_photo(client, aigul)
    receipt = await file_petition(client, aigul, kind="wish", attachments=[upload_id], contact="+7 701 000 00 00")
    number = receipt["number"]
    await desk.do(number, "register", kind="proposal", public_text="Тіркелді", internal_note="CANARY")
    await desk.do(number, "assign", account_id=await account_of(desk), internal_note="CANARY")
    await desk.do(number, "start")
    await desk.do(number, "notes", text="CANARY")
    decided = await desk.do(number, "decide", outcome="satisfied", public_text="Шам қойылды")
    assert (decided["text"], decided["contact"], decided["applicant"]["given_name"]) == (
        TEXT,
        "+7 701 000 00 00",
        "Aigul",
    )
    assert [step["internal_note"] for step in decided["steps"]].count("CANARY") == 3
    await desk.do(number, "close")
    own = await client.get(f"{URL}/{number}", headers=aigul)
    shown = own.json()
    assert (shown["state"], shown["outcome"], shown["kind"]) == ("closed", "satisfied", "proposal")
    assert [step["action"] for step in shown["steps"]] == ["file", "register", "assign", "start", "decide", "close"]
    assert "CANARY" not in own.text
    heard = (await session.exec(select(PushCampaign).order_by(col(PushCampaign.id)))).all()
    assert [(one.cause, str(one.link_id), one.account_id) for one in heard] == [
        (Cause.petition_step, receipt["id"], world.people["Aigul"].account_id)
    ] * 5


async def test_work_begins_with_the_first_act_and_is_told_once(
    client: httpx.AsyncClient, session: AsyncSession, aigul: dict[str, str], desk: Desk
) -> None:
    number = (await file_petition(client, aigul))["number"]
    await desk.do(number, "register")
    await desk.do(number, "assign", account_id=await account_of(desk))
    decided = await desk.do(number, "decide", outcome="explained", public_text="Түсіндірілді")
    assert [step["action"] for step in decided["steps"]] == ["file", "register", "assign", "start", "decide"]
    assert decided["version"] == 5
    assert len((await session.exec(select(PushCampaign))).all()) == 3


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("start", {}),
        ("ask", {"public_text": "?"}),
        ("decide", {"outcome": "refused", "public_text": "."}),
        ("close", {}),
    ],
)
async def test_act_out_of_turn_is_refused_and_nothing_changes(
    client: httpx.AsyncClient, aigul: dict[str, str], desk: Desk, act: str, body: dict[str, Any]
) -> None:
    number = (await file_petition(client, aigul))["number"]
    refused = await desk.act(number, act, **body)
    assert (refused.status_code, refused.json()["code"]) == (409, "petition_state")
    assert refused.json()["data"]["state"] == "received"
    shown = (await desk.read(number)).json()
    assert (shown["version"], len(shown["steps"])) == (1, 1)


async def test_edit_from_a_stale_version_is_refused(
    client: httpx.AsyncClient, aigul: dict[str, str], desk: Desk
) -> None:
    number = (await file_petition(client, aigul))["number"]
    await desk.do(number, "register")
    stale = await desk.act(number, "reject", version='"1"', code="unclear", public_text="Түсініксіз")
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    blind = await client.post(f"{DESK_URL}/{number}/start", headers=desk.headers, json={})
    assert (blind.status_code, blind.json()["code"]) == (428, "version_required")
    assert (await desk.read(number)).json()["state"] == "registered"


async def test_applicants_message_makes_the_desks_version_stale(
    client: httpx.AsyncClient, aigul: dict[str, str], desk: Desk
) -> None:
    number = (await file_petition(client, aigul))["number"]
    await client.post(f"{URL}/{number}/messages", headers=aigul, json={"text": "Қосымша"})
    assert (await desk.act(number, "register", version='"1"')).status_code == 412


async def test_rejected_petition_says_why(client: httpx.AsyncClient, aigul: dict[str, str], desk: Desk) -> None:
    number = (await file_petition(client, aigul))["number"]
    await desk.do(number, "reject", code="not_for_us", public_text="Сотқа жүгініңіз")
    shown = (await client.get(f"{URL}/{number}", headers=aigul)).json()
    assert (shown["state"], shown["rejection_code"], shown["steps"][-1]["text"]) == (
        "rejected",
        "not_for_us",
        "Сотқа жүгініңіз",
    )


async def test_duplicate_names_an_original_of_the_same_desk(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, aigul: dict[str, str], desk: Desk
) -> None:
    original = await file_petition(client, aigul)
    repeated = (await file_petition(client, aigul))["number"]
    far = await file_petition(client, aigul, branch_id=str(world.branches["kz.at.inder"].id))
    for wrong in (repeated, far["number"], NOWHERE):
        refused = await desk.act(repeated, "mark-duplicate", original=wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_original")
    marked = await desk.do(repeated, "mark-duplicate", original=original["number"], public_text="Қайталанған")
    assert (marked["state"], marked["duplicate_of_id"]) == ("duplicate", original["id"])


async def test_who_cannot_handle_there_is_not_assigned(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, aigul: dict[str, str], desk: Desk
) -> None:
    number = (await file_petition(client, aigul))["number"]
    await desk.do(number, "register")
    neighbour = await open_desk(client, world, sign_in, "kz.at.maqat2")
    editor = await open_desk(client, world, sign_in, "kz.at.maqat", RoleName.editor)
    for account_id in (
        await account_of(neighbour),
        await account_of(editor),
        str(world.people["Aigul"].account_id),
        str(world.people["Marat"].account_id),
    ):
        refused = await desk.act(number, "assign", account_id=account_id)
        assert (refused.status_code, refused.json()["code"]) == (422, "assignee_cannot_handle")
    above = await open_desk(client, world, sign_in, "kz.at")
    given = await desk.do(number, "assign", account_id=await account_of(above))
    assert given["assignee_account_id"] == await account_of(above)


async def test_nobody_handles_or_reads_as_staff_their_own(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, desk: Desk
) -> None:
    number = (await file_petition(client, desk.headers, branch_id=str(world.branches["kz.at.maqat"].id)))["number"]
    assert (await desk.read(number)).json()["code"] == "own_petition"
    refused = await desk.act(number, "register", version='"1"')
    assert (refused.status_code, refused.json()["code"]) == (403, "own_petition")


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("kz.at.maqat", RoleName.petition_desk, 200),
        ("kz.at.maqat", RoleName.branch_admin, 200),
        ("kz.at", RoleName.branch_admin, 200),
        ("kz", RoleName.head_office_admin, 200),
        ("kz.at.maqat", RoleName.editor, 403),
        ("kz.at.maqat", RoleName.party_control, 403),
        ("kz.at.maqat.p1", RoleName.branch_admin, 404),
        ("kz.at.maqat2", RoleName.branch_admin, 404),
        ("kz.at.inder", RoleName.branch_admin, 404),
    ],
)
async def test_who_sees_a_petition_to_a_district(
    client: httpx.AsyncClient,
    world: World,
    sign_in: SignIn,
    aigul: dict[str, str],
    path: str,
    role: RoleName,
    status: int,
) -> None:
    upload_id = await send_photo(client, aigul)
    receipt = await file_petition(client, aigul, attachments=[upload_id])
    number = receipt["number"]
    other = await open_desk(client, world, sign_in, path, role)
    assert (await other.read(number)).status_code == status
    assert (await other.read(receipt["id"])).status_code == status
    assert (await other.act(number, "register", version='"1"')).status_code == status
    file = await client.get(f"{DESK_URL}/{number}/attachments/{upload_id}", headers=other.headers)
    assert file.status_code == status
    queue = await client.get(DESK_URL, headers=other.headers)
    seen = [item["number"] for item in queue.json().get("items", [])]
    assert seen == ([number] if status == 200 else [])


async def test_service_token_works_within_its_scopes(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, aigul: dict[str, str], desk: Desk
) -> None:
    number = (await file_petition(client, aigul))["number"]
    scopes = ("petitions:read", "petitions:handle")
    program = Desk(client, await sign_in.program(world.branches["kz.at.maqat"], *scopes))
    done = await program.do(number, "register")
    assert done["steps"][-1]["service_token_id"] is not None
    await program.do(number, "assign", account_id=await account_of(desk))
    refused = await program.act(number, "decide", outcome="refused", public_text=".")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_staff_who_read_are_written_down(
    client: httpx.AsyncClient, session: AsyncSession, aigul: dict[str, str], desk: Desk
) -> None:
    upload_id = await send_photo(client, aigul)
    receipt = await file_petition(client, aigul, attachments=[upload_id])
    await client.get(DESK_URL, headers=desk.headers)
    await desk.read(receipt["number"])
    await client.get(f"{DESK_URL}/{receipt['number']}/attachments/{upload_id}", headers=desk.headers)
    await desk.act(receipt["number"], "register", version='"1"')
    await client.get(f"{URL}/{receipt['number']}", headers=aigul)
    found = (await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))).all()
    assert [event.action for event in found] == [
        "petitions:read",
        "petitions:read_attachment",
        "petitions:register",
    ]
    assert {str(event.object_id) for event in found} == {receipt["id"]}
    assert {str(event.account_id) for event in found} == {await account_of(desk)}


async def test_queue_shows_the_most_urgent_first_and_nothing_personal(
    client: httpx.AsyncClient, session: AsyncSession, aigul: dict[str, str], desk: Desk
) -> None:
    numbers = [(await file_petition(client, aigul, category=code))["number"] for code in ("roads", "health", "jobs")]
    today = business_date(utc_now())
    for number, days in zip(numbers, (5, -1, 3), strict=True):
        due = update(Petition).where(col(Petition.number) == number).values(due_on=today + timedelta(days=days))
        await session.exec(due)
    await session.commit()

    async def seen(**query: Any) -> list[str]:
        answer = await client.get(DESK_URL, headers=desk.headers, params=query)
        assert TEXT not in answer.text
        assert "Aigul" not in answer.text
        return [item["number"] for item in answer.json()["items"]]

    assert await seen() == [numbers[1], numbers[2], numbers[0]]
    assert await seen(overdue=True) == [numbers[1]]
    assert await seen(category="jobs") == [numbers[2]]
    await desk.do(numbers[0], "register")
    assert await seen(state="registered") == [numbers[0]]
    await desk.do(numbers[0], "assign", account_id=await account_of(desk))
    assert await seen(assignee_account_id=await account_of(desk)) == [numbers[0]]
    await desk.do(numbers[2], "reject", code="unclear", public_text=".")
    assert await seen() == [numbers[1], numbers[0]]
    first = (await client.get(DESK_URL, headers=desk.headers, params={"limit": 1})).json()
    assert first["items"][0]["overdue"] is True
    assert await seen(limit=1, cursor=first["next_cursor"]) == [numbers[0]]


async def test_corruption_report_is_read_by_the_party_control_above_and_nobody_else(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn, aigul: dict[str, str], desk: Desk
) -> None:
    secret = await file_petition(client, aigul, category="corruption", kind="complaint")
    plain = await file_petition(client, aigul)
    assert secret["number"][7:] == "-C000001"[-8:] or secret["number"].endswith("-C000001")
    assert plain["number"].endswith("-000001")
    for path, role in (
        ("kz", RoleName.head_office_admin),
        ("kz.at", RoleName.branch_admin),
        ("kz.at.maqat", RoleName.petition_desk),
        ("kz.at.maqat", RoleName.party_control),
        ("kz.at.inder", RoleName.party_control),
    ):
        other = await open_desk(client, world, sign_in, path, role)
        assert (await other.read(secret["number"])).status_code == 404
        assert (await other.act(secret["number"], "register", version='"1"')).status_code == 404
        for query in ({}, {"confidential": True}):
            found = await client.get(DESK_URL, headers=other.headers, params=query)
            assert secret["number"] not in found.text
    control = await open_desk(client, world, sign_in, "kz.at", RoleName.party_control)
    queue = await client.get(DESK_URL, headers=control.headers, params={"confidential": True})
    assert [item["number"] for item in queue.json()["items"]] == [secret["number"]]
    await control.do(secret["number"], "register")
    await control.do(secret["number"], "assign", account_id=await account_of(control))
    assert (await control.do(secret["number"], "decide", outcome="satisfied", public_text="."))["state"] == "decided"
    assert (await client.get(f"{URL}/{secret['number']}", headers=aigul)).json()["state"] == "decided"
    branches = (await session.exec(select(AuditEvent.branch_id))).all()
    assert set(branches) == {None}
