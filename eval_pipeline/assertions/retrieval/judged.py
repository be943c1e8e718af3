"""Assertions that a judge decides by openevals' prompts: `faithful`, `answers_question`, `context_relevant`."""

import importlib
import re
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from typing_extensions import override

from eval_pipeline.assertions.judged import ByRubric
from eval_pipeline.assertions.judges.prompt import SYSTEM
from eval_pipeline.assertions.judges.questions import YES_OR_NO, Question, a_number
from eval_pipeline.assertions.retrieval.documents import documents_of_context, retrieved_documents
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.assertion import AssertionExample, SuiteFacts

_DATA = re.compile(r"\n*<(\w+)>\n\{\w+\}\n</\1>\s*")
"""Where openevals' prompts have the data, which is shown as evidence instead."""
_INPUT = "The input is the last message of the user in <conversation>."
_OUTPUT = "The output is the last answer of the assistant in <conversation>."
_CONTEXT = "The retrieved context is what stands in <documents>."


class _ByPrompt(ByRubric):
    """What a judge decides by a prompt of openevals, or by a rubric of the suite's."""

    value: str = ""
    """A rubric in the place of openevals' prompt."""
    continuous: bool = False
    """Score with a number from 0 to 1 instead of yes or no; give a `threshold` to decide by it."""

    prompt: ClassVar[str]
    """Of `openevals.prompts`."""
    data: ClassVar[str]
    """Where the judge finds what the prompt is about."""

    @override
    def may_decide(self, suite: SuiteFacts) -> bool:
        return not self.continuous or self.threshold is not None

    @override
    def question(self) -> Question:
        return a_number(0.0, 1.0) if self.continuous else YES_OR_NO

    @override
    def rubric(self) -> str:
        return f"{self.value or _prompt_of_openevals(self.prompt)}\n\n{self.data}"

    @override
    def version(self, suite: SuiteFacts) -> Any:
        try:
            rubric = self.rubric()
        except InputError as error:
            rubric = str(error)  # the attempt fails with the same error
        form = self.question().form.model_json_schema()
        return self._version(suite, prompt=f"{SYSTEM}\n{rubric}", form=form, examples=True)

    @override
    def problems(self, suite: SuiteFacts) -> Iterable[Problem]:
        yield from super().problems(suite)
        try:
            self.rubric()
        except InputError as error:
            yield from error.problems


class Faithful(_ByPrompt):
    """A judge decides whether the documents support all that the answer claims (openevals' `RAG_GROUNDEDNESS_PROMPT`).

    The documents are those that were retrieved and those of the shared context for the case.
    """

    type: Literal["faithful"]

    prompt = "RAG_GROUNDEDNESS_PROMPT"
    data = f"{_OUTPUT} {_CONTEXT}"
    shown = ("documents",)
    examples = (
        AssertionExample(
            "{type: faithful, value: It says that returns take 14 days}",
            "{answers: [Returns take 14 days], documents: {d1: Returns take 14 days}}",
            "{answers: [No idea], documents: {d1: Returns take 14 days}}",
        ),
    )


class AnswersQuestion(_ByPrompt):
    """A judge decides whether the answer helps with what the user asked (openevals' `RAG_HELPFULNESS_PROMPT`)."""

    type: Literal["answers_question"]

    prompt = "RAG_HELPFULNESS_PROMPT"
    data = f"{_INPUT} {_OUTPUT}"
    examples = (
        AssertionExample(
            "{type: answers_question, value: It says that returns take 14 days}", "Returns take 14 days", "No idea"
        ),
    )


class ContextRelevant(_ByPrompt):
    """A judge decides whether what was retrieved helps to answer (openevals' `RAG_RETRIEVAL_RELEVANCE_PROMPT`).

    Where nothing was retrieved and the shared context has no documents, it fails.
    """

    type: Literal["context_relevant"]

    prompt = "RAG_RETRIEVAL_RELEVANCE_PROMPT"
    data = f"{_INPUT} {_CONTEXT}"
    shown = ("documents",)
    examples = (
        AssertionExample(
            "{type: context_relevant, value: It says that returns take 14 days}",
            "{answers: [Returns take 14 days], documents: {d1: Returns take 14 days}}",
            "{documents: {}}",
        ),
    )

    @override
    async def check(self, scope: Scope) -> CheckResult:
        if not retrieved_documents(scope) and not documents_of_context(scope):
            return CheckResult(passed=None if self.continuous else False, score=0.0, message="nothing was retrieved")
        return await super().check(scope)


def _prompt_of_openevals(name: str) -> str:
    """One of openevals' prompts, without the places for the data.

    Raises:
        InputError: openevals is not installed.
    """
    try:
        prompts = importlib.import_module("openevals.prompts")
    except ImportError as error:
        fix = "pip install 'eval-pipeline[evaluators]', or give a rubric of your own"
        problem = Problem(
            message=f"openevals, whose prompt this judge reads, is missing: {error}", fix=fix, field="value"
        )
        raise InputError(problem) from error
    return _DATA.sub("\n", getattr(prompts, name)).strip()
