"""What polls look like on both sides of the API: questions, answers, results."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.types import Flag, In, Out, Translated, pick
from models.base import Language
from services.polls.results import Results

SHORT_ID: Final = r"^[a-z][a-z0-9_]{0,15}$"

QuestionId = Annotated[str, StringConstraints(pattern=SHORT_ID), Field(examples=["q1"])]
"""The name of a question in its poll."""

OptionId = Annotated[str, StringConstraints(pattern=SHORT_ID), Field(examples=["o2"])]
"""The name of an option in its question."""

OPTIONS_EXAMPLE: Final = [
    {"id": "o1", "text": {"kk": "Иә", "ru": "Да"}},
    {"id": "o2", "text": {"kk": "Жоқ", "ru": "Нет"}},
]


class OptionIn(In):
    """One of the things to choose from."""

    id: OptionId
    text: Translated


class SingleQuestionIn(In):
    """A question with one choice."""

    kind: Literal["single"]
    id: QuestionId
    text: Translated
    required: Flag = True
    options: Annotated[list[OptionIn], Field(min_length=2, max_length=50, examples=[OPTIONS_EXAMPLE])]


QuestionsIn = Annotated[list[SingleQuestionIn], Field(min_length=1, max_length=50)]


class SingleAnswer(In):
    """The choice made."""

    kind: Literal["single"]
    question_id: QuestionId
    option_id: OptionId


class OptionOut(Out):
    """One of the things to choose from, in the reader's language."""

    id: str
    text: str


class SingleQuestionOut(Out):
    """A question with one choice, in the reader's language."""

    kind: Literal["single"]
    id: str
    text: str
    required: bool
    options: list[OptionOut]


class OptionResult(Out):
    """How often an option was picked; `picked_share` is of those who answered the question."""

    option_id: str
    picked_count: int
    picked_share: float


class QuestionResult(Out):
    """What was answered to one question."""

    question_id: str
    options: list[OptionResult]


class ResultsOut(Out):
    """The counts. When fewer than 10 members responded, `hidden` is true and nothing is told."""

    poll_id: UUID
    hidden: bool
    response_count: int | None
    questions: list[QuestionResult]

    @classmethod
    def of(cls, results: Results) -> "ResultsOut":
        """From the service's counts."""
        return cls(
            poll_id=results.poll.id,
            hidden=results.response_count is None,
            response_count=results.response_count,
            questions=[question_result(question, counts) for question, counts in results.picked_counts.items()],
        )


def question_result(question_id: str, counts: Any) -> QuestionResult:
    """Counts with their shares."""
    answered = sum(counts.values())
    return QuestionResult(
        question_id=question_id,
        options=[
            OptionResult(option_id=option, picked_count=count, picked_share=count / answered if answered else 0.0)
            for option, count in counts.items()
        ],
    )


def localised(question: dict[str, Any], language: Language) -> SingleQuestionOut:
    """A question as a member reads it."""
    return SingleQuestionOut(
        kind=question["kind"],
        id=question["id"],
        text=pick(question["text"], language),
        required=question["required"],
        options=[OptionOut(id=o["id"], text=pick(o["text"], language)) for o in question["options"]],
    )
