"""Assertions that a chat model decides, the judge: `llm_rubric`, `llm_score`, `llm_preference`."""

import asyncio
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.assertions.comparing import ComparingAssertion
from eval_pipeline.assertions.judges.corrections import examples_for
from eval_pipeline.assertions.judges.evidence import DEFAULT, Evidence, evidence_of, sees_context
from eval_pipeline.assertions.judges.panel import ask_model, verdict_of_panel
from eval_pipeline.assertions.judges.preference import prefer
from eval_pipeline.assertions.judges.prompt import COMPARING, SYSTEM, as_text, rubric_prompt
from eval_pipeline.assertions.judges.questions import (
    YES_OR_NO,
    JudgeDecision,
    PreferenceForm,
    Question,
    a_number,
    one_of_labels,
)
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.import_path import is_code_path
from eval_pipeline.suite.spec.assertion import AssertionExample, SuiteFacts
from eval_pipeline.suite.spec.judge import EvidenceKind, Judge, checked_evidence

_NO_JUDGE = Problem(message="no chat model judges this", fix="give `model` here, or `judge: {model: …}` in suite.yaml")


class JudgedAssertion(ComparingAssertion):
    """What assertions that a judge decides have in common.

    With `at` the judge is shown that part in the place of the answer.
    """

    value: str
    """The rubric: what a good answer is, in words."""
    evidence: tuple[EvidenceKind, ...] | None = None
    """What the judge is shown besides the conversation: see `judge.evidence`, which it replaces."""
    model: str | tuple[str, ...] | None = None
    """The judge, or a panel; by default the suite's `judge.model`. Everything else of `judge` holds as well."""

    shown: ClassVar[tuple[EvidenceKind, ...]] = ()
    """The evidence of this type of assertion where neither it nor the judge names any."""

    @field_validator("evidence")
    @classmethod
    def _names_each_once(cls, value: tuple[EvidenceKind, ...] | None) -> tuple[EvidenceKind, ...] | None:
        return checked_evidence(value)

    def judge(self, default: Judge | None) -> Judge:
        """The suite's judge, with the assertion's own model where it names one.

        Raises:
            InputError: neither names a model.
        """
        if self.model is None:
            if default is None:
                raise InputError(_NO_JUDGE)
            return default
        return Judge(model=self.model) if default is None else default.model_copy(update={"model": self.model})

    @override
    def problems(self, suite: SuiteFacts) -> Iterable[Problem]:
        for model in (self.model,) if isinstance(self.model, str) else self.model or ():
            if is_code_path(model):
                yield from suite.import_problems(model, field="model")
        if self.model is None and suite.judge is None:
            yield replace(_NO_JUDGE, field="model")

    @override
    def code_paths(self, suite: SuiteFacts) -> Iterable[str]:
        models = (suite.judge.models if suite.judge else ()) if self.model is None else self.model
        return filter(is_code_path, (models,) if isinstance(models, str) else models)

    @override
    def sees_context(self, suite: SuiteFacts) -> bool:
        return sees_context(self._kinds(suite.judge)[0])

    def _kinds(self, judge: Judge | None) -> tuple[tuple[EvidenceKind, ...], bool]:
        """The kinds of evidence, and whether the suite asks for them."""
        asked = self.evidence if self.evidence is not None or judge is None else judge.evidence
        return (self.shown, False) if asked is None else (asked, True)

    async def _evidence(self, scope: Scope, judge: Judge) -> list[Evidence]:
        kinds, asked = self._kinds(judge)
        gather = functools.partial(evidence_of, scope, kinds, most=judge.evidence_characters, asked=asked)
        # Attachments are files, and may have to be fetched.
        return await asyncio.to_thread(gather) if "attachments" in kinds else gather()

    def _version(self, suite: SuiteFacts, *, prompt: str, form: JsonSchemaValue, examples: bool) -> Any:
        try:
            judge = self.judge(suite.judge)
            corrections = self._corrections(judge, suite.folder)
        except InputError as error:
            return str(error)  # the attempt fails with the same error
        return {
            "models": [suite.model_version(name) for name in judge.models],
            "judge": judge.model_dump(mode="json", exclude={"model", "corrections", "prompt", "fallback", "evidence"}),
            "files": suite.files_digest(judge.version_files),
            "named": suite.named_in(judge.options),
            "prompt": prompt,
            "form": form,
            "evidence": list(self._kinds(judge)[0]),
            "examples": list(corrections) if examples else [],
        }

    def _corrections(self, judge: Judge, folder: Path) -> Sequence[Mapping[str, Any]]:
        return examples_for(judge, self.name or self.type, folder=folder)


class ByRubric(JudgedAssertion):
    """What a judge decides by a rubric, from the conversation and its evidence."""

    shown = DEFAULT

    def question(self) -> Question:
        """What the judge is asked to decide."""
        raise NotImplementedError

    def rubric(self) -> str:
        """What a good answer is."""
        return self.value

    @override
    async def check(self, scope: Scope) -> CheckResult:
        judge, question = self.judge(scope.judge), self.question()
        evidence = await self._evidence(scope, judge)
        messages = rubric_prompt(
            self.rubric(),
            scope.turns,
            judge=judge,
            evidence=evidence,
            answer=None if self.at is None else scope.response,
            examples=self._corrections(judge, scope.folder),
        )

        async def ask(name: str) -> tuple[JudgeDecision, str]:
            return await ask_model(name, messages, question, judge=judge, folder=scope.folder)

        return await verdict_of_panel(judge, ask, seen=[each.seen for each in evidence])

    @override
    def version(self, suite: SuiteFacts) -> Any:
        return self._version(suite, prompt=SYSTEM, form=self.question().form.model_json_schema(), examples=True)


class LlmRubric(ByRubric):
    """A judge decides whether the answer meets the rubric: yes or no."""

    type: Literal["llm_rubric"]

    examples = (
        AssertionExample(
            "{type: llm_rubric, value: It says that returns take 14 days}", "Returns take 14 days", "No idea"
        ),
    )

    @override
    def question(self) -> Question:
        return YES_OR_NO


class LlmScore(ByRubric):
    """A judge scores the answer by the rubric: with a number in `range`, or with one of the labels of `choices`.

    Give a `threshold` in [0, 1] to decide by the score.
    """

    type: Literal["llm_score"]
    range: tuple[float, float] = (0.0, 1.0)
    """The worst and the best number; scores are mapped from it into [0, 1]."""
    choices: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    """Labels, each with its score."""

    examples = (
        AssertionExample(
            "{type: llm_score, value: Returns take 14 days, threshold: 0.8}",
            "Returns take 14 days",
            "Returns take long",
        ),
        AssertionExample(
            "{type: llm_score, value: Returns take 14 days, choices: {good: 1, poor: 0}, threshold: 1}",
            "Returns take 14 days",
            "No idea",
        ),
    )

    @field_validator("range")
    @classmethod
    def _rises(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise PydanticCustomError("range", "the range does not rise", {"fix": "write [worst, best]"})
        return value

    @model_validator(mode="after")
    def _one_scale(self) -> "LlmScore":
        if self.choices and "range" in self.model_fields_set:
            raise PydanticCustomError("scale", "`range` and `choices` exclude each other", {"fix": "give one of them"})
        if len(self.choices) == 1:
            raise PydanticCustomError("scale", "one label says nothing", {"fix": "give two or more `choices`"})
        return self

    @override
    def may_decide(self, suite: SuiteFacts) -> bool:
        return self.threshold is not None

    @override
    def question(self) -> Question:
        return one_of_labels(tuple(self.choices.items())) if self.choices else a_number(*self.range)


class LlmPreference(JudgedAssertion):
    """A judge prefers the answer to another one: score 1 for better, 0.5 for a tie, 0 for worse; the label says which.

    The judge is asked twice, with the two in either order, because judges favour a place; when it disagrees with
    itself, that is a tie (Zheng et al. 2023, section 3.4). Give a `threshold` to decide: 0.5 demands at least a tie.
    """

    type: Literal["llm_preference"]
    over: str
    """The other answer: its key in the case's `reference`."""

    examples = (
        AssertionExample(
            "{type: llm_preference, value: It names 14 days, over: answer, threshold: 1}",
            "Returns take 14 days",
            "Returns take long",
        ),
    )

    @override
    def may_decide(self, suite: SuiteFacts) -> bool:
        return self.threshold is not None

    @override
    async def check(self, scope: Scope) -> CheckResult:
        judge, reference = self.judge(scope.judge), scope.case.reference_outputs
        if problems := self.problems_with(reference):
            raise InputError([replace(problem, field=None) for problem in problems])
        other = as_text(reference[self.over])
        return await prefer(
            scope.response,
            other,
            rubric=self.value,
            turns=scope.turns,
            judge=judge,
            folder=scope.folder,
            evidence=await self._evidence(scope, judge),
        )

    @override
    def version(self, suite: SuiteFacts) -> Any:
        return self._version(suite, prompt=COMPARING, form=PreferenceForm.model_json_schema(), examples=False)

    @override
    def problems_with(self, reference: Mapping[str, Any]) -> Sequence[Problem]:
        problems = [*super().problems_with(reference)]
        if self.over not in reference:
            message = f"the case's reference has no {self.over!r} to compare with"
            problems.append(Problem(message=message, fix=f"give `reference: {{{self.over}: …}}`", field="over"))
        return problems
