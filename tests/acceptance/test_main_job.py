"""The main job, end to end: the seven steps over HTTP, against a running server and a running worker."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from api.runtime import APP_ROLE, Runtime, build_runtime
from api.settings import Environment, Settings
from models.base import new_id, utc_now
from models.branches import Branch
from models.db import create_engine, session_factory
from models.roles import RoleName
from services.keyring import make_keys
from tests.acceptance.house import House, Phone, running_house, wait_until
from tests.factories.world import SignIn, World, give_role, make_person, make_world

Step = Callable[[str], None]
ARTICLE = {
    "translations": {
        "kk": {"title": "Жол жөнделді", "summary": "Мақат", "body_markdown": "Жұмыс **аяқталды**."},
        "ru": {"title": "Дорога отремонтирована", "summary": "Макат", "body_markdown": "Работы **закончены**."},
    },
    "notify": True,
}
QUESTION = {
    "id": "q1",
    "kind": "single",
    "text": {"kk": "Көше жарық па?", "ru": "На улице светло?"},
    "required": True,
    "options": [
        {"id": "o1", "text": {"kk": "Иә", "ru": "Да"}},
        {"id": "o2", "text": {"kk": "Жоқ", "ru": "Нет"}},
    ],
}
POLL = {
    "title": {"kk": "Көше жарығы", "ru": "Освещение"},
    "questions": [QUESTION],
    "results_visibility": "after_response",
}
ANSWER = {"answers": [{"kind": "single", "question_id": "q1", "option_id": "o1"}]}


class Scene:
    """Who takes part: phones by given name, the district's service token, what has been made so far."""

    def __init__(self, house: House, world: World, program: dict[str, str]) -> None:
        self.house, self.world, self.program = house, world, program
        self.phones = {name: Phone(house, person.phone) for name, person in world.people.items()}
        self.ids: dict[str, str] = {}

    def admin(self, method: str, path: str, *, expect: int = 200, **options: Any) -> Any:
        """What the district's accounting program asks of the admin API."""
        answer = httpx.request(method, f"{self.house.url}/v1/admin{path}", headers=self.program, timeout=30, **options)
        assert answer.status_code == expect, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def told(self, link_id: str, *names: str) -> None:
        """Wait until the phones of these people, each once, and nobody else's, were told about a thing."""
        hashes = sorted(self.phones[name].address_hash for name in names)
        wait_until(lambda: len(self.house.pushed(link_id)) >= len(hashes), f"push about {link_id}")
        assert self.house.pushed(link_id) == hashes

    def inbox(self, name: str) -> list[str]:
        """What a person's inbox links to."""
        return [item["link_id"] for item in self.phones[name].call("GET", "/v1/me/inbox")["items"]]


async def arrange(runtime: Runtime) -> tuple[World, dict[str, str]]:
    """The small world, with an admin in the district and one next door, and the district's service token."""
    async with runtime.sessions() as session, session.begin():
        world = await make_world(session, runtime.keys)
        for name, phone, path in (
            ("Gulnar", "+77011234590", "kz.at.maqat"),
            ("Nurlan", "+77011234591", "kz.at.inder"),
        ):
            home: Branch = world.branches[f"{path}.p1"]
            world.people[name] = await make_person(session, runtime.keys, name, phone, home)
            await give_role(session, world.people[name].account_id, world.branches[path], RoleName.branch_admin)
    async with runtime.sessions() as session:
        scopes = ("news:read", "news:write", "news:publish", "polls:read", "polls:write", "polls:publish")
        return world, await SignIn(session, runtime).program(world.branches["kz.at.maqat"], *scopes)


async def arrange_in(database_url: str, folder: Path) -> tuple[World, dict[str, str]]:
    """The same, in a database of its own."""
    settings = Settings(environment=Environment.test, data_folder=folder, database_url=database_url)
    engine = create_engine(database_url, APP_ROLE)
    try:
        return await arrange(build_runtime(settings, session_factory(engine)))
    finally:
        await engine.dispose()


@pytest.fixture
def scene(cloned_database: str, tmp_path: Path) -> Iterator[Scene]:
    """A running house with people in it."""
    make_keys(tmp_path / "keys", now=utc_now())
    world, program = asyncio.run(arrange_in(cloned_database, tmp_path))
    with running_house(cloned_database, tmp_path) as house:
        yield Scene(house, world, program)


@pytest.fixture
def step(capsys: pytest.CaptureFixture[str]) -> Step:
    """Prints a step when it is done."""

    def say(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}")
            sys.stdout.flush()

    return say


def photo() -> bytes:
    """A picture as phones make them, with the place where it was taken inside."""
    picture = Image.new("RGB", (640, 480), "saddlebrown")
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (47.0, 6.0, 0.0), 3: "E", 4: (51.0, 55.0, 0.0)}
    content = BytesIO()
    picture.save(content, "JPEG", exif=exif)
    return content.getvalue()


def test_main_job(scene: Scene, step: Step) -> None:
    sign_in_and_register(scene)
    step("1. signed in by SMS codes, with access and refresh tokens; devices registered")
    publish(scene)
    step("2. the service token published an article and a poll for its district")
    hear_of_it(scene)
    step("3. the worker pushed both to the district's phones and nobody else's; they stand in the inbox")
    read_and_answer(scene)
    step("4. the member read the feed in two languages and answered the poll once")
    petition(scene)
    step(f"5. petition {scene.ids['number']} filed with a photo, handled and decided, every step seen")
    neighbours_see_nothing(scene)
    step("6. neither the neighbouring member nor the neighbouring admin sees poll or petition")
    tokens_end(scene)
    step("7. the access token expired, the refresh token rotated, its reuse ended the family")


def sign_in_and_register(scene: Scene) -> None:
    """Step 1, by every member."""
    for phone in scene.phones.values():
        tokens = phone.sign_in()
        assert tokens["expires_in"] == 600
        phone.register_device()
    me = scene.phones["Aigul"].call("GET", "/v1/me")
    assert [branch["level"] for branch in me["branches"]] == ["primary", "district", "region", "republic"]


def publish(scene: Scene) -> None:
    """Step 2."""
    branch_id = str(scene.world.branches["kz.at.maqat"].id)
    article = scene.admin("POST", "/news", expect=201, json=ARTICLE | {"branch_id": branch_id})
    poll = scene.admin("POST", "/polls", expect=201, json=POLL | {"branch_id": branch_id})
    scene.ids |= {"article": article["id"], "poll": poll["id"]}
    assert scene.phones["Aigul"].call("GET", "/v1/news")["items"] == []
    assert scene.admin("POST", f"/news/{article['id']}/publish", json={})["state"] == "published"
    assert scene.admin("POST", f"/polls/{poll['id']}/publish", json={})["state"] == "open"
    neighbour = str(scene.world.branches["kz.at.inder"].id)
    scene.admin("POST", "/news", expect=404, json=ARTICLE | {"branch_id": neighbour})


def hear_of_it(scene: Scene) -> None:
    """Step 3. Saule lives in maqat2, whose path begins alike."""
    for link_id in (scene.ids["article"], scene.ids["poll"]):
        scene.told(link_id, "Aigul", "Daulet", "Marat", "Gulnar")
    assert set(scene.inbox("Aigul")) == {scene.ids["article"], scene.ids["poll"]}
    assert scene.inbox("Saule") == scene.inbox("Erlan") == []


def read_and_answer(scene: Scene) -> None:
    """Step 4."""
    phone, poll = scene.phones["Aigul"], f"/v1/polls/{scene.ids['poll']}"
    for language, text in ARTICLE["translations"].items():  # type: ignore[attr-defined]  # a dict of dicts
        (item,) = phone.call("GET", "/v1/news", headers={"accept-language": language})["items"]
        assert (item["id"], item["title"], item["language"]) == (scene.ids["article"], text["title"], language)
    article = phone.call("GET", f"/v1/news/{scene.ids['article']}")
    assert "<strong>аяқталды</strong>" in article["body_html"]

    key = {"idempotency-key": str(uuid4())}
    receipt = phone.call("PUT", f"{poll}/response", expect=201, headers=key, json=ANSWER)
    assert phone.call("PUT", f"{poll}/response", expect=201, headers=key, json=ANSWER) == receipt
    again = {"idempotency-key": str(uuid4())}
    assert phone.call("PUT", f"{poll}/response", expect=409, headers=again, json=ANSWER)["code"] == "already_answered"
    assert phone.call("GET", f"{poll}/response")["responded"]


def petition(scene: Scene) -> None:
    """Step 5."""
    phone, desk = scene.phones["Aigul"], scene.phones["Gulnar"]
    picture = phone.call("POST", "/v1/uploads", expect=201, content=photo(), headers={"content-type": "image/jpeg"})
    body = {
        "id": str(new_id()),
        "kind": "complaint",
        "category": "roads",
        "text": "Көшеміздің жолы шұңқыр.",
        "attachments": [picture["id"]],
        "consent": True,
    }
    receipt = phone.call("POST", "/v1/petitions", expect=201, json=body)
    number = scene.ids["number"] = receipt["number"]
    scene.ids["petition"] = receipt["id"]
    assert number.startswith("AT-")

    desk.raise_session()
    handle(scene, number)
    seen = phone.call("GET", f"/v1/petitions/{number}")
    assert [(made["action"], made["state"]) for made in seen["steps"]] == [
        ("file", "received"),
        ("register", "registered"),
        ("assign", "assigned"),
        ("start", "in_progress"),
        ("decide", "decided"),
    ]
    assert seen["outcome"] == "satisfied"
    assert seen["steps"][-1]["text"] == "Жол жөнделді."
    told = [phone.address_hash] * 4
    wait_until(lambda: len(scene.house.pushed(receipt["id"])) >= len(told), "push about the petition")
    assert scene.house.pushed(receipt["id"]) == told
    assert scene.inbox("Aigul").count(receipt["id"]) == 4


def handle(scene: Scene, number: str) -> None:
    """What the district's admin does, each step from what was read before."""
    desk = scene.phones["Gulnar"]
    assert number in [item["number"] for item in desk.call("GET", "/v1/admin/petitions")["items"]]
    acts: list[tuple[str, dict[str, Any]]] = [
        ("register", {}),
        ("assign", {"account_id": str(scene.world.people["Gulnar"].account_id)}),
        ("start", {}),
        ("decide", {"outcome": "satisfied", "public_text": "Жол жөнделді."}),
    ]
    for act, body in acts:
        read = desk.call("GET", f"/v1/admin/petitions/{number}")
        version = {"if-match": f'"{read["version"]}"'}
        desk.call("POST", f"/v1/admin/petitions/{number}/{act}", headers=version, json=body)


def neighbours_see_nothing(scene: Scene) -> None:
    """Step 6."""
    poll, number = scene.ids["poll"], scene.ids["number"]
    for name in ("Erlan", "Saule"):
        member = scene.phones[name]
        member.call("GET", f"/v1/polls/{poll}", expect=404)
        member.call("PUT", f"/v1/polls/{poll}/response", expect=404, json=ANSWER)
        member.call("GET", f"/v1/petitions/{number}", expect=404)
        member.call("GET", f"/v1/news/{scene.ids['article']}", expect=404)
        assert scene.inbox(name) == []
    admin = scene.phones["Nurlan"]
    admin.raise_session()
    admin.call("GET", f"/v1/admin/polls/{poll}", expect=404)
    admin.call("GET", f"/v1/admin/petitions/{number}", expect=404)
    assert admin.call("GET", "/v1/admin/petitions")["items"] == []


def tokens_end(scene: Scene) -> None:
    """Step 7, on a server whose access tokens live for a second and which forgives no reuse."""
    settings = {"UNQATU_ACCESS_TOKEN_LIFETIME": "PT1S", "UNQATU_REFRESH_GRACE": "PT0S"}
    phone = Phone(scene.house, scene.world.people["Daulet"].phone)
    with scene.house.another_server(**settings) as url:
        first = phone.sign_in(url=url)
        expired = wait_until(lambda: refused(url, first["access_token"]), "the end of the token")
        assert expired["code"] == "unauthenticated"

        second = refresh(url, first["refresh_token"])
        assert second.status_code == 200
        third = refresh(url, second.json()["refresh_token"])
        assert third.status_code == 200

        assert refresh(url, first["refresh_token"]).status_code == 401
        assert refresh(url, third.json()["refresh_token"]).status_code == 401
        assert refused(scene.house.url, third.json()["access_token"])


def refused(url: str, token: str) -> dict[str, Any] | None:
    """The problem that a token gets, or None while it is good."""
    answer = httpx.get(f"{url}/v1/me", headers={"authorization": f"Bearer {token}"})
    return answer.json() if answer.status_code == 401 else None


def refresh(url: str, token: str) -> httpx.Response:
    """Ask for new tokens."""
    return httpx.post(f"{url}/v1/auth/sessions/refresh", json={"refresh_token": token})
