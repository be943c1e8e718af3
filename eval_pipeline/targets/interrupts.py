"""What a human would answer, for targets that interrupt for one: the case's `on_interrupt`."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from langgraph.types import Interrupt

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case

ANY_QUESTION = "*"
_MOST = 100
"""Questions in one attempt: a graph that asks without end is stopped."""


class InterruptAnswers:
    """The answers of one attempt: a list in the order of the questions, a mapping by question, or one for all."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.asked = 0
        """How many questions were answered, from which another process can go on."""

    @property
    def given(self) -> bool:
        """Whether the case has any."""
        return self._case.on_interrupt is not None

    def resume(self, interrupts: Iterable[Interrupt], answered: Callable[[Any, Any], None]) -> dict[str, Any]:
        """The answer to each interrupt of a LangGraph graph, by id, for `Command(resume=…)`.

        Args:
            interrupts: the questions.
            answered: is called with each question and its answer.

        Raises:
            InputError: as `answer`.
        """
        answers = {}
        for interrupt in interrupts:
            answers[interrupt.id] = self.answer(interrupt.value)
            answered(interrupt.value, answers[interrupt.id])
        return answers

    def answer(self, question: Any) -> Any:
        """The answer to `question`, which is whatever the target gave to `interrupt`.

        Raises:
            InputError: the case has none.
        """
        answers, number = self._case.on_interrupt, self.asked
        self.asked += 1
        if answers is None:
            raise self._problem(question, "give the answer in the case's `on_interrupt`")
        if number >= _MOST:
            raise self._problem(question, f"it asked {_MOST} times already; correct the target, or the answer")
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
                parts = ", ".join(map(repr, answers))
                raise self._problem(question, f"no part of it is among {parts}; add one, or '*' for any question")
            return answers[ANY_QUESTION]
        return answers

    def _problem(self, question: Any, fix: str) -> InputError:
        message = f"the target waits for a human: {question_text(question)}"
        return InputError(Problem(message=message, fix=fix, case=self._case.id, field="on_interrupt"))


def question_text(question: Any) -> str:
    """A question as text; JSON for what is not text."""
    return question if isinstance(question, str) else json.dumps(question, ensure_ascii=False, default=str)
