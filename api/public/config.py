"""What the app asks before anybody has signed in."""

from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Response
from pydantic import Field

from api.conditional import IfNoneMatch, answer_json, etag_of
from api.deps import CurrentRuntime, ReadLanguage
from api.i18n import say
from api.settings import Feature
from api.types import Out
from models.base import Language
from models.push import Category

router = APIRouter(prefix="/v1", tags=["public"])

CONSENTS_VERSION: Final = "2026-11"
"""Moves with the texts, so that it can be told which one a person has seen."""


class Purpose(StrEnum):
    """What consent is asked for."""

    sign_in = "sign_in"
    petition = "petition"


class ConsentOut(Out):
    """A text to agree with before the data is sent."""

    purpose: Purpose
    version: Annotated[str, Field(examples=[CONSENTS_VERSION])]
    text: str


class ConfigOut(Out):
    """How the app should behave. Older versions than `minimum_app_version` ask for an update; `features` that are off
    are not shown."""

    minimum_app_version: Annotated[str, Field(examples=["1.0.0"])]
    languages: list[Language]
    default_language: Language
    notification_categories: list[Category]
    consents: list[ConsentOut]
    features: dict[Feature, bool]


@router.get("/config", summary="Settings of the app", response_model=ConfigOut, responses={304: {}})
async def get_config(runtime: CurrentRuntime, language: ReadLanguage, if_none_match: IfNoneMatch = None) -> Response:
    """The same for everyone; asks nothing of the database."""
    settings = runtime.settings
    config = ConfigOut(
        minimum_app_version=settings.minimum_app_version,
        languages=list(Language),
        default_language=Language.kk,
        notification_categories=list(Category),
        consents=[
            ConsentOut(purpose=purpose, version=CONSENTS_VERSION, text=say(f"consent.{purpose}", language))
            for purpose in Purpose
        ],
        features={feature: feature not in settings.features_off for feature in Feature},
    )
    body = config.model_dump_json().encode()
    return answer_json(body, etag=etag_of(body), language=language, if_none_match=if_none_match)
