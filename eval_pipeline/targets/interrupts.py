"""What a human would answer, for targets that interrupt for one: the case's `on_interrupt`."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from langgraph.types import Interrupt

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.targets.reviews import Review

ANY_QUESTION = "*"
_MOST = 100
"""Questions in one attempt: a graph that asks without end is stopped."""


class InterruptAnswers:
    """The answers of one attempt: a list in the order of the questions, a mapping by question, or one for all.

    A review of tool calls is answered by a decision for each call, in the same three ways, or as LangChain's middleware
    expects it.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self.asked = 0
        """How many answers of a list were given, from which another process can go on."""

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
        if self._case.on_interrupt is None:
            raise self._problem(question, "give the answer in the case's `on_interrupt`")
        if self.asked >= _MOST:
            raise self._problem(question, f"it asked {_MOST} times already; correct the target, or the answer")
        review = Review.of(question)
        return self._plain_answer(question) if review is None else self._reviewed(review)

    def _plain_answer(self, question: Any) -> Any:
        answers = self._case.on_interrupt
        if isinstance(answers, list | tuple):
            return self._next(question)
        self.asked += 1
        return self._part(question, question) if isinstance(answers, Mapping) else answers

    def _reviewed(self, review: Review) -> Any:
        answers = self._case.on_interrupt
        if isinstance(answers, Mapping) and review.is_whole(answers):
            if review.form == "call" and len(answers["decisions"]) > 1:
                return review.answer([self._next(review.question, answers["decisions"])])
            self.asked += 1  # one for all reviews
            return review.whole(answers)
        if isinstance(answers, list | tuple):
            first = self._next(review.question)
            if review.is_whole(first):
                return review.whole(first)
            others = [self._next(review.question) for _ in review.actions[1:]]
            return review.answer([first, *others])
        self.asked += 1
        if not isinstance(answers, Mapping) or review.is_decision(answers):
            return review.answer([answers] * len(review.actions))
        decisions = [
            answers[name] if (name := review.tool(action)) in answers else self._part(action, review.question)
            for action in review.actions
        ]
        return review.whole(decisions[0]) if review.is_whole(decisions[0]) else review.answer(decisions)

    def _next(self, question: Any, answers: Sequence[Any] | None = None) -> Any:
        """The next answer of a list, by default of the case's."""
        answers = self._case.on_interrupt if answers is None else answers
        if self.asked >= len(answers):
            raise self._problem(question, f"`on_interrupt` has only {len(answers)} answers; give one more")
        self.asked += 1
        return answers[self.asked - 1]

    def _part(self, asked: Any, question: Any) -> Any:
        """The answer by a part of what is asked, which is the question or an action under review."""
        answers: Mapping[str, Any] = self._case.on_interrupt
        text = question_text(asked).lower()
        for part, answer in answers.items():
            if part != ANY_QUESTION and str(part).lower() in text:
                return answer
        if ANY_QUESTION not in answers:
            parts = ", ".join(map(repr, answers))
            raise self._problem(question, f"no part of it is among {parts}; add one, or '*' for any question")
        return answers[ANY_QUESTION]

    def _problem(self, question: Any, fix: str) -> InputError:
        message = f"the target waits for a human: {question_text(question)}"
        return InputError(Problem(message=message, fix=fix, case=self._case.id, field="on_interrupt"))


def question_text(question: Any) -> str:
    """A question as text; JSON for what is not text."""
    return question if isinstance(question, str) else json.dumps(question, ensure_ascii=False, default=str)
