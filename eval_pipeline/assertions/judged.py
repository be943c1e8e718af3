"""Assertions that a judge decides."""

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.fields.judged import Judged
from eval_pipeline.assertions.judges.corrections import examples_for
from eval_pipeline.assertions.judges.panel import ask_model, verdict_of_panel
from eval_pipeline.assertions.judges.preference import prefer
from eval_pipeline.assertions.judges.prompt import as_text, rubric_prompt
from eval_pipeline.assertions.judges.questions import YES_OR_NO, JudgeDecision, Question, a_number, one_of_labels
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.judge import Judge


async def by_rubric(assertion: spec.LlmRubric | spec.LlmScore, scope: Scope) -> CheckResult:
    """What the judge decides by the rubric.

    Raises:
        InputError: no judge is named, or it did not answer in the structure asked for.
    """
    judge = judge_of(assertion, scope.judge)
    question = question_of(assertion)
    messages = rubric_prompt(
        assertion.value,
        scope.turns,
        reference=scope.case.reference,
        judge=judge,
        examples=examples_for(judge, assertion.name or assertion.type, folder=scope.folder),
    )

    async def ask(name: str) -> tuple[JudgeDecision, str]:
        return await ask_model(name, messages, question, judge=judge, folder=scope.folder)

    return await verdict_of_panel(judge, ask)


async def llm_preference(assertion: spec.LlmPreference, scope: Scope) -> CheckResult:
    """Whether the judge prefers the last answer to the one in the case's reference.

    Raises:
        InputError: no judge is named, there is no such reference, or it did not answer in the structure asked for.
    """
    judge = judge_of(assertion, scope.judge)
    if assertion.over not in scope.case.reference:
        fix = f"give `reference: {{{assertion.over}: …}}`"
        raise InputError(Problem(message=f"the case's reference has no {assertion.over!r} to compare with", fix=fix))
    other = as_text(scope.case.reference[assertion.over])
    return await prefer(
        scope.response, other, rubric=assertion.value, turns=scope.turns, judge=judge, folder=scope.folder
    )


def judge_of(assertion: Judged, default: Judge | None) -> Judge:
    """The judge of an assertion: the suite's, with the assertion's own model where it names one.

    Raises:
        InputError: neither names a model.
    """
    if assertion.model is not None:
        return (
            Judge(model=assertion.model) if default is None else default.model_copy(update={"model": assertion.model})
        )
    if default is None:
        fix = "give `model` here, or `judge: {model: …}` in suite.yaml"
        raise InputError(Problem(message="no chat model judges this", fix=fix))
    return default


def question_of(assertion: spec.LlmRubric | spec.LlmScore) -> Question:
    """What the judge is asked to decide."""
    if isinstance(assertion, spec.LlmRubric):
        return YES_OR_NO
    return one_of_labels(tuple(assertion.choices.items())) if assertion.choices else a_number(*assertion.range)
