"""Everything that can be known to be wrong with a suite before it runs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from eval_pipeline.assertions.fields.assertion import Assertion, GroundedInContext, LlmPreference
from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.checking.assertion_checks import (
    Place,
    assertion_problems,
    corrections_problems,
    import_problems,
)
from eval_pipeline.suite.checking.gate_checks import gate_problems
from eval_pipeline.suite.dataset.load import load_cases
from eval_pipeline.suite.import_path import is_code_path
from eval_pipeline.suite.promoted_prompt import promotion_problems
from eval_pipeline.suite.spec.case_source import CaseSources
from eval_pipeline.suite.spec.context import FileSource, PythonSource
from eval_pipeline.suite.spec.prompt_reference import parse_reference
from eval_pipeline.suite.spec.target import ChatTarget, LangGraphTarget, PromptedTarget, PythonTarget, RecordedTarget
from eval_pipeline.suite.suite import SUITE_FILE, Suite, SuiteSpec, problems_in_suite, read_suite_document
from eval_pipeline.suite.varied_target import field_of, varied_suite

Placed = tuple[str, Assertion]
"""An assertion and its field path."""


def check_suite(folder: Path) -> tuple[Suite | None, list[Case], list[Problem]]:
    """Read the suite in `folder`, its cases and what they name.

    Returns:
        The suite (None if suite.yaml is not right), its right cases, and every problem found.
    """
    try:
        document = read_suite_document(folder)
    except InputError as error:
        return None, [], list(error.problems)
    try:
        suite = Suite(spec=SuiteSpec.model_validate(document.data), folder=folder)
    except ValidationError as error:
        problems = problems_in_suite(error, document=document, model=SuiteSpec)
        return None, [], problems + _problems_of_cases_alone(document.data, folder)
    cases, problems = load_cases(suite.spec.cases, suite)
    # Cases that are not right may be the ones a gate is about.
    gates = [] if problems else gate_problems(suite, cases)
    return suite, cases, [*_suite_problems(suite), *gates, *problems, *_case_problems(suite, cases)]


def require_sound(suite: Suite, cases: Sequence[Case]) -> None:
    """Raise the problems across documents, if there are any.

    Raises:
        InputError: carries all of them.
    """
    problems = [*_suite_problems(suite), *gate_problems(suite, cases), *_case_problems(suite, cases)]
    if problems:
        raise InputError(problems)


def _problems_of_cases_alone(data: dict[str, object], folder: Path) -> list[Problem]:
    """The problems of the cases of a suite whose suite.yaml has others elsewhere, so that all are seen at once."""
    try:
        sources = TypeAdapter(CaseSources).validate_python(data.get("cases"))
    except ValidationError:
        return []
    stand_in = SuiteSpec(name="stand_in", cases=sources, target=RecordedTarget(kind="recorded"))
    try:
        return load_cases(sources, Suite(spec=stand_in, folder=folder))[1]
    except InfrastructureError:
        # The cases are on a server that cannot be read: what is wrong with suite.yaml can be said all the same.
        return []


def _target_problems(suite: Suite) -> Iterator[Problem]:
    target = suite.spec.target
    if isinstance(target, PythonTarget | LangGraphTarget):
        yield from import_problems(suite, target.path, "target.path")
    if isinstance(target, ChatTarget) and target.system_file and not suite.path(target.system_file).is_file():
        yield _missing_file(suite, target.system_file, "target.system_file")
    # Not `target.prompt`: whether that is there, its file or the Hub's, `eval_pipeline.prompts` finds out.
    if isinstance(target, PromptedTarget) and target.fallback is not None:
        name = parse_reference(target.fallback).name
        if not (suite.folder / name).is_file():
            yield _missing_file(suite, name, "target.fallback")


def _variant_problems(suite: Suite) -> Iterator[Problem]:
    for variant in suite.spec.variants:
        try:
            varied = varied_suite(suite, variant)
        except InputError as error:
            yield from error.problems
            continue
        place = field_of(suite, variant)
        for problem in [*_target_problems(varied), *_target_model_problems(varied)]:
            # What is wrong with the suite's own target is said once.
            if problem not in [*_target_problems(suite), *_target_model_problems(suite)]:
                yield replace(problem, field=f"{place}: {problem.field}")


def _target_model_problems(suite: Suite) -> Iterator[Problem]:
    target = suite.spec.target
    if isinstance(target, ChatTarget) and is_code_path(target.model):
        yield from import_problems(suite, target.model, "target.model")


def _suite_problems(suite: Suite) -> Iterator[Problem]:
    yield from _target_problems(suite)
    yield from _variant_problems(suite)
    yield from promotion_problems(suite)
    sources = {f"context.tables.{name}": source for name, source in suite.spec.context.tables.items()}
    if suite.spec.context.documents is not None:
        sources["context.documents.source"] = suite.spec.context.documents.source
    for field, source in sources.items():
        if isinstance(source, FileSource) and not suite.path(source.file).is_file():
            yield _missing_file(suite, source.file, f"{field}.file")
        if isinstance(source, PythonSource):
            yield from import_problems(suite, source.python, f"{field}.python")
    prices = suite.spec.evaluation.prices
    if prices is not None and not suite.path(prices).is_file():
        yield _missing_file(suite, prices, "evaluation.prices")
    yield from _model_problems(suite)
    yield from corrections_problems(suite)
    for field, assertion in _placed(suite.spec.assertions, "assertions"):
        yield from assertion_problems(suite, assertion, _in_suite(suite, field))


def _model_problems(suite: Suite) -> Iterator[Problem]:
    models = {
        f"context.patterns[{index}].model": patterns.model for index, patterns in enumerate(suite.spec.context.patterns)
    }
    if suite.spec.simulated_user is not None:
        models["simulated_user.model"] = suite.spec.simulated_user.model
    yield from _target_model_problems(suite)
    documents = suite.spec.context.documents
    if documents is not None and documents.retrieval.model is not None:
        models["context.documents.retrieval.model"] = documents.retrieval.model
    named = [
        *models.items(),
        *(("judge.model", model) for model in (suite.spec.judge.models if suite.spec.judge else ())),
    ]
    for field, model in named:
        if is_code_path(model):
            yield from import_problems(suite, model, field)


def _case_problems(suite: Suite, cases: Sequence[Case]) -> Iterator[Problem]:
    recorded = isinstance(suite.spec.target, RecordedTarget)
    seen: set[tuple[object, ...]] = set()
    for case in cases:
        place = _in_case(suite, case.id, "")
        if recorded and not case.recordings:
            yield place(
                "the target is `recorded` and the case has no recordings",
                "record it, or use another target",
                "recordings",
            )
        if not recorded and not case.turns and case.simulation is None:
            yield place("the case has no turns, which a live target needs", "give `turns` or `input`", "turns")
        yield from _simulation_problems(suite, case)
        placed = [*_placed(case.assertions, "assertions")]
        for index, turn in enumerate(case.turns):
            placed += _placed(turn.assertions, f"turns[{index}].assertions")
        if case.simulation is not None:
            placed += _placed(case.simulation.assertions, "simulation.assertions")
        asserted = [*suite.spec.assertions, *(assertion for _, assertion in placed)]
        decides = case.simulation is not None and case.simulation.goal_required
        if not decides and not any(assertion.weight for assertion in asserted):
            what = "every assertion has weight 0" if asserted else "nothing is asserted"
            fix = "give the case `assertions` with weight, or the suite some for every case"
            yield place(f"{what}, so it could not fail", fix, "assertions")
        for field, assertion in placed:
            # Ten thousand cases usually share a handful of import paths: each is resolved once.
            key = (type(assertion), getattr(assertion, "path", None), getattr(assertion, "model", None))
            if key in seen and not isinstance(assertion, GroundedInContext | LlmPreference):
                continue
            seen.add(key)
            yield from assertion_problems(suite, assertion, _in_case(suite, case.id, field), case=case)


def _simulation_problems(suite: Suite, case: Case) -> Iterator[Problem]:
    simulation = case.simulation
    if simulation is None:
        return
    place = _in_case(suite, case.id, "simulation")
    if isinstance(suite.spec.target, RecordedTarget):
        yield place("nobody can talk to a `recorded` target", "use another target, or leave it out", "goal")
    if simulation.by_model and simulation.model is None and suite.spec.simulated_user is None:
        fix = "give `model` here, or `simulated_user: {model: …}` in suite.yaml"
        yield place("no chat model plays the user", fix, "model")
    for field in ("script", "model"):
        path = getattr(simulation, field)
        if path is not None and (field == "script" or is_code_path(path)):
            for problem in import_problems(suite, path, field):
                yield place(problem.message, problem.fix, field)


def _placed(assertions: Sequence[Assertion], field: str) -> list[Placed]:
    return [(f"{field}[{index}]", assertion) for index, assertion in enumerate(assertions)]


def _in_case(suite: Suite, case_id: str, field: str) -> Place:
    start = f"{field}." if field else ""
    return lambda message, fix, name: Problem(
        message=message, fix=fix, file=suite.folder, case=case_id, field=f"{start}{name}"
    )


def _in_suite(suite: Suite, field: str) -> Place:
    return lambda message, fix, name: Problem(
        message=message, fix=fix, file=suite.folder / SUITE_FILE, field=f"{field}.{name}"
    )


def _missing_file(suite: Suite, text: str, field: str) -> Problem:
    return Problem(
        message=f"no file at {suite.path(text)}",
        fix="create it, or correct the path",
        file=suite.folder / SUITE_FILE,
        field=field,
    )
