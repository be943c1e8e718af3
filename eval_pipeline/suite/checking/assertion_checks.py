"""What can be known to be wrong with an assertion before a run, looking beyond its own fields."""

from collections.abc import Callable, Iterator

from eval_pipeline.assertions.fields.assertion import (
    Assertion,
    Evaluator,
    GroundedInContext,
    LlmPreference,
    MaxLatency,
    Python,
    Similarity,
)
from eval_pipeline.assertions.fields.code import imported_args
from eval_pipeline.assertions.fields.evaluator_form import refused_form
from eval_pipeline.assertions.fields.judged import Judged
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.import_path import is_code_path, resolve
from eval_pipeline.suite.spec.target import RecordedTarget
from eval_pipeline.suite.suite import SUITE_FILE, Suite

Place = Callable[[str, str, str], Problem]
"""From message, fix and field to a problem at a known place."""


def assertion_problems(
    suite: Suite, assertion: Assertion, place: Place, *, case: Case | None = None
) -> Iterator[Problem]:
    """Every problem of `assertion`, of the suite's or of a case."""
    for name, path in _paths(assertion):
        for problem in import_problems(suite, path, name):
            yield place(problem.message, problem.fix, name)
    if isinstance(assertion, Evaluator) and not assertion.factory:
        yield from _form_problems(suite, assertion, place)
    if isinstance(assertion, Judged) and assertion.model is None and suite.spec.judge is None:
        yield place("no chat model judges this", "give `model` here, or `judge: {model: …}` in suite.yaml", "model")
    if isinstance(assertion, LlmPreference) and case is not None and assertion.over not in case.reference:
        yield place(
            f"the case's reference has no {assertion.over!r} to compare with",
            f"give `reference: {{{assertion.over}: …}}`",
            "over",
        )
    if isinstance(assertion, MaxLatency) and isinstance(suite.spec.target, RecordedTarget):
        yield place("a recorded conversation takes no time", "use a live target, or leave `max_latency` out", "type")
    if isinstance(assertion, GroundedInContext):
        yield from _grounding_problems(suite, assertion, place)


def corrections_problems(suite: Suite) -> Iterator[Problem]:
    """The file of corrections that is not there."""
    judge = suite.spec.judge
    file = None if judge is None or judge.corrections is None else judge.corrections.file
    if file is not None and not (suite.folder / file).is_file():
        yield Problem(
            message=f"no file at {suite.folder / file}",
            fix="create it, or correct the path",
            file=suite.folder / SUITE_FILE,
            field="judge.corrections.file",
        )


def import_problems(suite: Suite, path: str, field: str) -> Iterator[Problem]:
    """Why the import path leads nowhere, if it does."""
    try:
        resolve(path, folder=suite.folder)
    except InputError as error:
        for problem in error.problems:
            yield Problem(message=problem.message, fix=problem.fix, file=suite.folder / SUITE_FILE, field=field)


def _paths(assertion: Assertion) -> Iterator[tuple[str, str]]:
    if isinstance(assertion, Python | Evaluator):
        yield "path", assertion.path
    if isinstance(assertion, Evaluator):
        yield from (("args", path) for path in imported_args(assertion.args))
    models: str | tuple[str, ...] | None = getattr(assertion, "model", None)
    if isinstance(assertion, Judged | Similarity) and models is not None:
        for model in (models,) if isinstance(models, str) else models:
            if is_code_path(model):
                yield "model", model


def _form_problems(suite: Suite, assertion: Evaluator, place: Place) -> Iterator[Problem]:
    try:
        refused = refused_form(resolve(assertion.path, folder=suite.folder))
    except InputError:
        return  # which is told already
    if refused is not None:
        message, fix = refused
        yield place(f"{assertion.path!r} cannot be an assertion: {message}", fix, "path")


def _grounding_problems(suite: Suite, assertion: GroundedInContext, place: Place) -> Iterator[Problem]:
    named = [("results", item.table) for item in assertion.results]
    named += [("mentions", item.table) for item in assertion.mentions if item.table is not None]
    for field, table in named:
        if table not in suite.spec.context.tables:
            known = ", ".join(suite.spec.context.tables) or "none"
            yield place(
                f"the shared context has no table {table!r}", f"use one of its tables ({known}), or add it", field
            )
