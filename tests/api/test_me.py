"""What a person may change of themselves."""

import httpx
import pytest

from tests.factories.world import SignIn, World

ALL_ON = {"news": True, "polls": True, "petitions": True, "receptions": True, "messages": True}


async def test_changes_stay_and_the_rest_stays_as_it_was(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in(world.people["Aigul"].account_id)
    before = (await client.get("/v1/me", headers=headers)).json()
    assert (before["language"], before["notification_preferences"]) == ("kk", ALL_ON)
    for body in ({"notification_preferences": {"news": False}}, {"notification_preferences": {"polls": False}}):
        assert (await client.patch("/v1/me", headers=headers, json=body)).status_code == 200
    answer = await client.patch("/v1/me", headers=headers, json={"language": "ru"})
    after = (await client.get("/v1/me", headers=headers)).json()
    assert answer.json() == after
    changed = {"language": "ru", "notification_preferences": ALL_ON | {"news": False, "polls": False}}
    assert after == before | changed


async def test_settings_are_the_persons_own(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    aigul, marat = [await sign_in(world.people[name].account_id) for name in ("Aigul", "Marat")]
    await client.patch("/v1/me", headers=aigul, json={"language": "en", "notification_preferences": {"news": False}})
    other = (await client.get("/v1/me", headers=marat)).json()
    assert (other["language"], other["notification_preferences"]) == ("kk", ALL_ON)


@pytest.mark.parametrize(
    "body",
    [
        {"language": "de"},
        {"notification_preferences": {"news": "off"}},
        {"notification_preferences": {"gossip": False}},
        {"notification_preferences": None},
        {"family_name": "Басқа"},
    ],
)
async def test_nonsense_is_refused(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, body: dict[str, object]
) -> None:
    headers = await sign_in(world.people["Aigul"].account_id)
    assert (await client.patch("/v1/me", headers=headers, json=body)).status_code == 422
