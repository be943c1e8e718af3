"""What a human would answer, for targets that interrupt for one: the case's `on_interrupt`."""

import json
from collections.abc import Mapping
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case

ANY_QUESTION = "*"
_MOST = 100
"""Questions in one attempt: a graph that asks for ever is told so."""


class InterruptAnswers:
    """The answers of one attempt: a list in the order of being asked, a mapping by question, or one for all."""

    def __init__(self, case: Case) -> None:
        self._case, self._asked = case, 0

    @property
    def given(self) -> bool:
        """Whether the case has any."""
        return self._case.on_interrupt is not None

    @property
    def asked(self) -> int:
        """How many questions were answered, from which another process can go on."""
        return self._asked

    @asked.setter
    def asked(self, count: int) -> None:
        self._asked = count

    def answer(self, question: Any) -> Any:
        """The answer to `question`, which is whatever the target gave to `interrupt`.

        Raises:
            InputError: the case has none.
        """
        answers, number = self._case.on_interrupt, self._asked
        self._asked += 1
        if answers is None:
            raise self._problem(question, "give the answer in the case's `on_interrupt`")
        if number >= _MOST:
            raise self._problem(question, f"it asked {_MOST} times already; mend the target, or the answer")
        if isinstance(answers, list | tuple):
            if number >= len(answers):
                raise self._problem(question, f"`on_interrupt` has only {len(answers)} answers; give one more")
            return answers[number]
        if isinstance(answers, Mapping):
            text = question_text(question).lower()
            for part, answer in answers.items():
                if part != ANY_QUESTION and str(part).lower() in text:
                    return answer
            if ANY_QUESTION not in answers:
                known = ", ".join(map(repr, answers))
                raise self._problem(question, f"no part of it is among {known}; add one, or '*' for any question")
            return answers[ANY_QUESTION]
        return answers

    def _problem(self, question: Any, fix: str) -> InputError:
        message = f"the target waits for a human: {question_text(question)}"
        return InputError(Problem(message=message, fix=fix, case=self._case.id, field="on_interrupt"))


def question_text(question: Any) -> str:
    """A question as text; JSON for what is not text."""
    return question if isinstance(question, str) else json.dumps(question, ensure_ascii=False, default=str)
