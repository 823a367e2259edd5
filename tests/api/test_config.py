"""What the app asks before anybody has signed in."""

from dataclasses import replace

import httpx
from fastapi import FastAPI

from api.runtime import Runtime
from api.settings import Feature


async def test_config_needs_no_sign_in_and_speaks_the_language_asked_for(client: httpx.AsyncClient) -> None:
    texts = set()
    for language in ("kk", "ru", "en"):
        answer = await client.get("/v1/config", headers={"accept-language": language})
        assert (answer.status_code, answer.headers["content-language"]) == (200, language)
        texts.add(answer.json()["consents"][0]["text"])
    config = answer.json()
    assert len(texts) == 3
    assert config["languages"] == ["kk", "ru", "en"]
    assert config["features"] == {"news": True, "polls": True, "petitions": True}


async def test_what_the_phone_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    etag = (await client.get("/v1/config")).headers["etag"]
    again = await client.get("/v1/config", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/v1/config", headers={"if-none-match": etag, "accept-language": "ru"})).status_code == 200


async def test_feature_is_switched_off_for_all(client: httpx.AsyncClient, app: FastAPI, runtime: Runtime) -> None:
    settings = runtime.settings.model_copy(update={"features_off": frozenset({Feature.polls})})
    app.state.runtime = replace(runtime, settings=settings)
    config = (await client.get("/v1/config")).json()
    assert config["features"] == {"news": True, "polls": False, "petitions": True}
