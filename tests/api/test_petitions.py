"""Petitions, as those see them who file them."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account
from models.base import Language
from models.petitions import Petition, PetitionEvent
from tests.factories.petitions import TEXT, URL, file_petition, open_desk, send_photo
from tests.factories.world import LONG_AGO, SignIn, World

CANARY = "CANARY-4417"


@pytest.fixture
async def aigul(world: World, sign_in: SignIn) -> dict[str, str]:
    """A member's credentials."""
    return await sign_in(world.people["Aigul"].account_id)


async def test_photo_and_text_give_a_number_at_once(
    client: httpx.AsyncClient, aigul: dict[str, str], world: World
) -> None:
    upload_id = await send_photo(client, aigul)
    receipt = await file_petition(client, aigul, attachments=[upload_id], subject="Көше жарығы", place="Абай 5")
    year = receipt["received_at"][:4]
    assert (receipt["number"], receipt["state"]) == (f"AT-{year}-000001", "received")
    assert len(receipt["tracking_code"]) == 16
    for reference in (receipt["number"], receipt["id"]):
        shown = (await client.get(f"{URL}/{reference}", headers=aigul)).json()
        assert (shown["text"], shown["subject"], shown["place"]) == (TEXT, "Көше жарығы", "Абай 5")
        assert shown["branch_id"] == str(world.branches["kz.at.maqat"].id)
        assert shown["tracking_code"] == receipt["tracking_code"]
        assert [file["id"] for file in shown["attachments"]] == [upload_id]
        assert [(step["action"], step["by_applicant"]) for step in shown["steps"]] == [("file", True)]


async def test_attachment_is_only_ever_a_download(client: httpx.AsyncClient, aigul: dict[str, str]) -> None:
    upload_id = await send_photo(client, aigul)
    number = (await file_petition(client, aigul, attachments=[upload_id]))["number"]
    file = await client.get(f"{URL}/{number}/attachments/{upload_id}", headers=aigul)
    assert file.status_code == 200
    assert file.headers["content-disposition"] == f'attachment; filename="{upload_id}.jpg"'
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["content-security-policy"].startswith("sandbox")
    assert int(file.headers["content-length"]) == len(file.content)
    assert (await client.get(f"{URL}/{number}/attachments/{uuid4()}", headers=aigul)).status_code == 404


async def test_same_id_sent_again_is_the_same_petition(
    client: httpx.AsyncClient, session: AsyncSession, aigul: dict[str, str], world: World, sign_in: SignIn
) -> None:
    made = str(uuid4())
    first = await file_petition(client, aigul, id=made)
    assert await file_petition(client, aigul, id=made) == first
    assert len((await session.exec(select(Petition))).all()) == 1
    other = await sign_in(world.people["Marat"].account_id)
    body = {"id": made, "kind": "wish", "category": "other", "text": "x", "consent": True}
    taken = await client.post(URL, headers=other, json=body)
    assert (taken.status_code, taken.json()["code"]) == (409, "petition_id_taken")


async def test_same_key_gives_the_same_answer(
    client: httpx.AsyncClient, session: AsyncSession, aigul: dict[str, str]
) -> None:
    headers = aigul | {"idempotency-key": str(uuid4())}
    assert await file_petition(client, headers) == await file_petition(client, headers)
    assert len((await session.exec(select(Petition))).all()) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"category": "weather"}, "unknown_category"),
        ({"branch_id": str(uuid4())}, "unknown_receiver"),
        ({"settlement_id": str(uuid4())}, "unknown_settlement"),
        ({"attachments": [str(uuid4())]}, "upload_not_usable"),
        ({"attachments": [str(uuid4()) for _ in range(11)]}, "invalid_request"),
        ({"consent": False}, "invalid_request"),
        ({"text": "  "}, "invalid_request"),
        ({"kind": "petition"}, "invalid_request"),
    ],
)
async def test_filing_is_refused(
    client: httpx.AsyncClient, session: AsyncSession, aigul: dict[str, str], changes: dict[str, Any], code: str
) -> None:
    body = {"kind": "complaint", "category": "roads", "text": TEXT, "consent": True} | changes
    answer = await client.post(URL, headers=aigul, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not (await session.exec(select(Petition))).all()


@pytest.mark.parametrize(
    ("path", "status"), [("kz.at.inder", 201), ("kz.at", 201), ("kz", 201), ("kz.at.inder.p1", 422)]
)
async def test_who_takes_petitions(
    client: httpx.AsyncClient, aigul: dict[str, str], world: World, path: str, status: int
) -> None:
    body = {"kind": "notice", "category": "roads", "text": TEXT, "consent": True}
    answer = await client.post(URL, headers=aigul, json=body | {"branch_id": str(world.branches[path].id)})
    assert answer.status_code == status
    if status == 201:
        assert answer.json()["number"][:2] == ("KZ" if path == "kz" else "AT")


async def test_who_is_no_member_files_by_naming_the_branch(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    account = Account(language=Language.ru, created_at=LONG_AGO)
    session.add(account)
    await session.flush()
    headers = await sign_in(account.id)
    body = {"kind": "notice", "category": "roads", "text": TEXT, "consent": True}
    refused = await client.post(URL, headers=headers, json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_receiver")
    assert await file_petition(client, headers, branch_id=str(world.branches["kz.at.inder"].id))


@pytest.mark.parametrize("name", ["Marat", "Saule", "Daulet"])
async def test_nobody_else_sees_it(
    client: httpx.AsyncClient, aigul: dict[str, str], world: World, sign_in: SignIn, name: str
) -> None:
    upload_id = await send_photo(client, aigul)
    receipt = await file_petition(client, aigul, attachments=[upload_id])
    other = await sign_in(world.people[name].account_id)
    for reference in (receipt["number"], receipt["id"]):
        assert (await client.get(f"{URL}/{reference}", headers=other)).status_code == 404
        for act, body in (("messages", {"text": "x"}), ("withdraw", {})):
            assert (await client.post(f"{URL}/{reference}/{act}", headers=other, json=body)).status_code == 404
    file = await client.get(f"{URL}/{receipt['number']}/attachments/{upload_id}", headers=other)
    assert file.status_code == 404
    assert (await client.get(URL, headers=other)).json()["items"] == []


async def test_own_list_pages_join(client: httpx.AsyncClient, aigul: dict[str, str]) -> None:
    filed = [(await file_petition(client, aigul))["number"] for _ in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get(URL, headers=aigul, params=query)).json()
        seen += [item["number"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == filed[::-1]


async def test_withdrawn_petition_is_closed_to_further_acts(client: httpx.AsyncClient, aigul: dict[str, str]) -> None:
    number = (await file_petition(client, aigul))["number"]
    taken_back = await client.post(f"{URL}/{number}/withdraw", headers=aigul, json={"reason": "Шешілді"})
    assert taken_back.json()["state"] == "withdrawn"
    assert taken_back.json()["steps"][-1]["text"] == "Шешілді"
    again = await client.post(f"{URL}/{number}/withdraw", headers=aigul, json={})
    assert (again.status_code, again.json()["code"]) == (409, "petition_state")
    late = await client.post(f"{URL}/{number}/messages", headers=aigul, json={"text": "Тағы"})
    assert (late.status_code, late.json()["data"]["allowed"]) == (409, ["note"])


async def test_question_and_answer_stop_and_start_the_work(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, aigul: dict[str, str]
) -> None:
    number = (await file_petition(client, aigul))["number"]
    desk = await open_desk(client, world, sign_in)
    before = await client.post(f"{URL}/{number}/messages", headers=aigul, json={"text": "Қосымша"})
    assert (before.status_code, before.json()["action"], before.json()["state"]) == (201, "message", "received")
    holder = (await client.get("/v1/me", headers=desk.headers)).json()["account_id"]
    await desk.do(number, "register")
    await desk.do(number, "assign", account_id=holder)
    asked = await desk.do(number, "ask", public_text="Қай үй?")
    assert (asked["state"], asked["paused_on"] is not None) == ("awaiting_applicant", True)
    reply = await client.post(f"{URL}/{number}/messages", headers=aigul, json={"text": "5-үй"})
    assert (reply.json()["action"], reply.json()["state"]) == ("reply", "in_progress")
    steps = (await client.get(f"{URL}/{number}", headers=aigul)).json()["steps"]
    assert [step["action"] for step in steps] == ["file", "message", "register", "assign", "start", "ask", "reply"]
    assert [step["text"] for step in steps if step["text"]] == ["Қосымша", "Қай үй?", "5-үй"]


async def test_categories_are_read_in_the_language_asked_for_and_cached(
    client: httpx.AsyncClient, aigul: dict[str, str]
) -> None:
    url = "/v1/petition-categories"
    first = await client.get(url, headers=aigul | {"accept-language": "ru"})
    codes = "housing large_families jobs corruption roads utilities health education ecology other"
    assert [item["code"] for item in first.json()["items"]] == codes.split()
    assert first.json()["items"][4]["name"] == "Дороги"
    assert [item["code"] for item in first.json()["items"] if item["confidential"]] == ["corruption"]
    again = await client.get(url, headers=aigul | {"accept-language": "ru", "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    kazakh = await client.get(url, headers=aigul | {"if-none-match": first.headers["etag"]})
    assert (kazakh.status_code, kazakh.json()["items"][4]["name"]) == (200, "Жолдар")


async def test_nothing_that_was_written_lies_readable_in_the_database(
    client: httpx.AsyncClient, session: AsyncSession, aigul: dict[str, str]
) -> None:
    texts = {name: f"{CANARY} {name}" for name in ("text", "subject", "place", "contact")}
    number = (await file_petition(client, aigul | {"idempotency-key": str(uuid4())}, **texts))["number"]
    await client.post(f"{URL}/{number}/messages", headers=aigul, json={"text": CANARY})
    shown = (await client.get(f"{URL}/{number}", headers=aigul)).json()
    assert {name: shown[name] for name in texts} == texts
    rows = [*(await session.exec(select(Petition))).all(), *(await session.exec(select(PetitionEvent))).all()]
    assert len(rows) == 3
    assert CANARY not in str([row.model_dump() for row in rows])
