"""What petitions are about."""

from fastapi import APIRouter, Response

from api.conditional import IfNoneMatch, answer_json, etag_of
from api.deps import CurrentActor, ReadLanguage, Session
from api.openapi import problems
from api.types import Out, pick
from services.petitions import reading

router = APIRouter(prefix="/v1/petition-categories", tags=["member"])


class PetitionCategoryOut(Out):
    """A category; those of a `confidential` one go to the party control of the branch above."""

    code: str
    parent_code: str | None
    name: str
    confidential: bool


class PetitionCategoryList(Out):
    """All categories, in the order to show them."""

    items: list[PetitionCategoryOut]


@router.get(
    "", summary="List petition categories", response_model=PetitionCategoryList, responses={304: {}, **problems()}
)
async def list_petition_categories(
    session: Session, actor: CurrentActor, language: ReadLanguage, if_none_match: IfNoneMatch = None
) -> Response:
    """The categories that petitions are filed under."""
    found = await reading.list_categories(session)
    shown = PetitionCategoryList(
        items=[
            PetitionCategoryOut(
                code=category.code,
                parent_code=category.parent_code,
                name=pick(category.name, language),
                confidential=category.confidential,
            )
            for category in found
        ]
    )
    body = shown.model_dump_json().encode()
    return answer_json(body, etag=etag_of(body), language=language, if_none_match=if_none_match)
