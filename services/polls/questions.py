"""What a poll asks, and which answers fit. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.errors import InvalidError

Answers = Mapping[str, str]
"""The picked option of each answered question, by their ids."""


class InvalidQuestionsError(InvalidError):
    """Two questions, or two options of one question, have the same id; `question_id` names it."""

    code = "poll_questions_invalid"


class InvalidAnswersError(InvalidError):
    """An answer does not fit its question; `question_id` and `rule` say which and why."""

    code = "poll_answers_invalid"


def check_questions(questions: Sequence[Mapping[str, Any]]) -> None:
    """Ids must tell questions, and a question's options, apart.

    Raises:
        InvalidQuestionsError: they do not.
    """
    seen: set[str] = set()
    for question in questions:
        options = [option["id"] for option in question["options"]]
        if question["id"] in seen or len(set(options)) < len(options):
            raise InvalidQuestionsError(question_id=question["id"])
        seen.add(question["id"])


def find_misfit(questions: Sequence[Mapping[str, Any]], answers: Answers) -> InvalidAnswersError | None:
    """The first thing that is wrong with the answers, or None."""
    by_id = {question["id"]: question for question in questions}
    for question_id, option_id in answers.items():
        question = by_id.get(question_id)
        if question is None:
            return InvalidAnswersError(question_id=question_id, rule="unknown_question")
        if all(option["id"] != option_id for option in question["options"]):
            return InvalidAnswersError(question_id=question_id, rule="unknown_option")
    for question_id, question in by_id.items():
        if question["required"] and question_id not in answers:
            return InvalidAnswersError(question_id=question_id, rule="required")
    return None
