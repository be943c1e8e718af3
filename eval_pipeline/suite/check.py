"""Validating a suite and its cases before a run, and reporting every problem."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.code.version import missing_files
from eval_pipeline.suite.dataset.load import load_cases
from eval_pipeline.suite.import_path import import_problems, is_code_path
from eval_pipeline.suite.metrics import OF_ATTEMPTS, cases_that_cannot_fail, clashes, metric_names
from eval_pipeline.suite.promoted_prompt import promotion_problems
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.case_source import CaseSources
from eval_pipeline.suite.spec.context import FileSource, PythonSource
from eval_pipeline.suite.spec.gates import EVERY, RegressionGate, ScoreGate, ShareGate
from eval_pipeline.suite.spec.prompt_reference import parse_reference
from eval_pipeline.suite.suite import SUITE_FILE, Suite, SuiteSpec, problems_in_suite, read_suite_document
from eval_pipeline.suite.varied_target import field_of, varied_suite
from eval_pipeline.suite.without_effect import (
    assertion_fields_without_effect,
    case_fields_without_effect,
    suite_fields_without_effect,
)
from eval_pipeline.wording import counted, first_names, nearest

_MOST_NAMED = 8
"""The most slices that a message names."""


def check_suite(folder: Path) -> tuple[Suite | None, list[Case], list[Problem]]:
    """Validate the suite in `folder`, its cases, and the files and code that they name.

    Returns:
        The suite (None if suite.yaml is invalid), its valid cases, and every problem.
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
    # Invalid cases may be the ones that a gate is about.
    gates = [] if problems else _gate_problems(suite, cases)
    return suite, cases, [*_suite_problems(suite), *gates, *problems, *_case_problems(suite, cases)]


def require_sound(suite: Suite, cases: Sequence[Case]) -> None:
    """Raise the problems of a suite and its cases, if there are any.

    Raises:
        InputError: carries all of them.
    """
    problems = [*_suite_problems(suite), *_gate_problems(suite, cases), *_case_problems(suite, cases)]
    if problems:
        raise InputError(problems)


def _problems_of_cases_alone(data: dict[str, object], folder: Path) -> list[Problem]:
    """The problems of the cases of a suite whose suite.yaml is invalid elsewhere, so that all are reported at once."""
    try:
        sources = TypeAdapter(CaseSources).validate_python(data.get("cases"))
    except ValidationError:
        return []
    stand_in = SuiteSpec.model_validate({"name": "stand_in", "cases": sources, "target": {"kind": "recorded"}})
    try:
        return load_cases(sources, Suite(spec=stand_in, folder=folder))[1]
    except InfrastructureError:
        # The cases are on a server that cannot be reached; the problems of suite.yaml are reported all the same.
        return []


def _target_problems(suite: Suite) -> list[Problem]:
    file = suite.folder / SUITE_FILE
    return [_placed(problem, file, "target") for problem in _collected(suite.spec.target.problems(suite.folder))]


def _collected(problems: Iterable[Problem]) -> Iterator[Problem]:
    """`problems`, and those of an error that ends them, such as that nothing is imported now."""
    try:
        yield from problems
    except InputError as error:
        yield from error.problems


def _variant_problems(suite: Suite) -> Iterator[Problem]:
    own = _target_problems(suite)
    for variant in suite.spec.variants:
        try:
            varied = varied_suite(suite, variant)
        except InputError as error:
            yield from error.problems
            continue
        place = field_of(suite, variant)
        for problem in _target_problems(varied):
            if problem not in own:  # which is reported once, of the suite's own target
                yield replace(problem, field=f"{place}: {problem.field}")


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
            yield from _unimportable(suite, source.python, f"{field}.python")
    prices = suite.spec.evaluation.prices
    if prices is not None and not suite.path(prices).is_file():
        yield _missing_file(suite, prices, "evaluation.prices")
    yield from _model_problems(suite)
    yield from _judge_problems(suite)
    facts = suite.facts()
    for problem in clashes([(0, field, each) for field, each in _numbered(suite.spec.assertions, "assertions")]):
        yield replace(problem, file=suite.folder / SUITE_FILE)
    for field, assertion in _numbered(suite.spec.assertions, "assertions"):
        for problem in (*_collected(assertion.problems(facts)), *assertion_fields_without_effect(assertion)):
            yield _placed(problem, suite.folder / SUITE_FILE, field)
    yield from suite_fields_without_effect(suite)


def _judge_problems(suite: Suite) -> Iterator[Problem]:
    """A problem for each file that the judge needs and that does not exist."""
    judge = suite.spec.judge
    corrections = None if judge is None or judge.corrections is None else judge.corrections.file
    if corrections is not None and not (suite.folder / corrections).is_file():
        yield _missing_file(suite, corrections, "judge.corrections.file")
    fallback = None if judge is None or judge.fallback is None else parse_reference(judge.fallback).name
    if fallback is not None and not (suite.folder / fallback).is_file():
        yield _missing_file(suite, fallback, "judge.fallback")
    if judge is not None:
        for problem in missing_files(judge.version_files, folder=suite.folder):
            yield replace(problem, file=suite.folder / SUITE_FILE, field="judge.version_files")


def _model_problems(suite: Suite) -> Iterator[Problem]:
    """A problem for each model, and each summary evaluator, that cannot be imported."""
    models = {
        f"context.patterns[{index}].model": patterns.model for index, patterns in enumerate(suite.spec.context.patterns)
    }
    if suite.spec.simulated_user is not None:
        models["simulated_user.model"] = suite.spec.simulated_user.model
    documents = suite.spec.context.documents
    if documents is not None and documents.retrieval.model is not None:
        models["context.documents.retrieval.model"] = documents.retrieval.model
    for index, metric in enumerate(suite.spec.summary):
        if metric.evaluator is not None:
            yield from _unimportable(suite, metric.evaluator, f"summary[{index}].evaluator")
    named = [
        *models.items(),
        *(("judge.model", model) for model in (suite.spec.judge.models if suite.spec.judge else ())),
    ]
    for field, model in named:
        if is_code_path(model):
            yield from _unimportable(suite, model, field)


def _gate_problems(suite: Suite, cases: Sequence[Case]) -> Iterator[Problem]:
    """A problem for each gate whose slice has no case, or whose metric no assertion has: it would never fail."""
    overall = [each.title for each in suite.spec.summary]
    if any(each.evaluator is not None and each.name is None for each in suite.spec.summary):
        overall = [*overall, *_any_metric(suite)]
    for kind, gate in suite.spec.gates_to_meet.named().values():
        if isinstance(gate, RegressionGate | ScoreGate | ShareGate) and gate.metric is not None:
            own = [] if isinstance(gate, RegressionGate | ShareGate) else [*OF_ATTEMPTS, *overall]
            yield from _metric_problems(suite, cases, gate.metric, field=f"gates.{kind}", own=own)
        if gate.slice is None:
            continue
        axis, _, selected = gate.slice.partition("=")
        values = sorted({value for case in cases for value in _values_of(case, axis)})
        if selected not in values and not (selected == EVERY and values):
            named = ", ".join(f"`{axis}={value}`" for value in values[:_MOST_NAMED])
            yield Problem(
                message=f"no case is in the slice {gate.slice!r}",
                fix=f"use one of {named}" if values else f"no case has a {axis.removeprefix('metadata.')!r}: remove it",
                file=suite.folder / SUITE_FILE,
                field=f"gates.{kind}",
            )


def _any_metric(suite: Suite) -> Iterator[str]:
    """The metrics of gates, which a summary evaluator without a name may return."""
    for gate in (*suite.spec.gates.min_score, *suite.spec.gates.max_score):
        yield gate.metric


def _metric_problems(
    suite: Suite, cases: Sequence[Case], metric: str, *, field: str, own: Sequence[str] = ()
) -> Iterator[Problem]:
    """A problem if neither an assertion of the suite has `metric`, nor is it one of `own`."""
    names = metric_names(suite.spec.assertions, cases, suite.facts())
    names = None if names is None else {*names, *own}
    if names is not None and metric not in names:
        message = f"no assertion has the metric {metric!r}"
        yield Problem(
            message=message,
            fix=nearest(metric, names, none="assert something that has this metric"),
            file=suite.folder / SUITE_FILE,
            field=field,
        )


def _values_of(case: Case, axis: str) -> Sequence[str]:
    if axis == "split":
        return [case.split]
    if axis == "tag":
        return case.tags
    key = axis.removeprefix("metadata.")
    return [str(case.metadata[key])] if key in case.metadata else []


def _case_problems(suite: Suite, cases: Sequence[Case]) -> Iterator[Problem]:
    target, facts = suite.spec.target, suite.facts()
    reported: set[tuple[str, Problem]] = set()
    for problem in target.problems_of_cases(suite.folder, cases):
        yield replace(problem, file=suite.folder)
    for case in cases:
        if not target.live and not case.recordings:
            message = f"the target is `{target.kind}` and the case has no recordings"
            yield _in_case(suite, case, message, "record it, or use another target", "recordings")
        if target.live and not case.turns and case.simulation is None:
            message = "the case has no turns, which a live target needs"
            yield _in_case(suite, case, message, "give `turns` or `input`", "turns")
        yield from _simulation_problems(suite, case)
        yield from _undecided(suite, case)
        for problem in case_fields_without_effect(suite, case):
            yield replace(problem, file=suite.folder, case=case.id)
        yield from _clashes(suite, case)
        for field, assertion in _placed_in(case):
            # Ten thousand cases usually share a handful of problems: each is reported once.
            for problem in (*_collected(assertion.problems(facts)), *assertion_fields_without_effect(assertion)):
                if (assertion.type, problem) not in reported:
                    reported.add((assertion.type, problem))
                    yield _placed(problem, suite.folder, field, case=case)
            for problem in assertion.problems_with(case.reference_outputs):
                yield _placed(problem, suite.folder, field, case=case)


def _undecided(suite: Suite, case: Case) -> Iterator[Problem]:
    """A case that could not fail."""
    asserted = [*suite.spec.assertions, *case.every_assertion]
    decides = case.simulation is not None and case.simulation.goal_required
    if not decides and not any(assertion.weight for assertion in asserted):
        what = "every assertion has weight 0" if asserted else "nothing is asserted"
        fix = "give the case `assertions` with weight, or the suite some for every case"
        yield _in_case(suite, case, f"{what}, so it could not fail", fix, "assertions")


def _clashes(suite: Suite, case: Case) -> Iterator[Problem]:
    """A problem for each assertion of a case that gives a metric of the suite or the case a second meaning."""
    own = list(_placed_in(case))
    if not own or not any(each.calls_user_code for each in (*suite.spec.assertions, *case.every_assertion)):
        return
    fields = {field for field, _ in own}
    common = _numbered(suite.spec.assertions, f"{SUITE_FILE}: assertions")
    placed = [(0, field, each) for field, each in common]
    # `turns[2].assertions[0]` is on a turn of its own.
    places = {"assertions": 0}
    for field, assertion in own:
        place = field.rpartition("[")[0]
        placed.append((places.setdefault(place, len(places)), field, assertion))
    for problem in clashes(placed):
        if problem.field is not None and problem.field.removesuffix(".name") in fields:
            yield replace(problem, file=suite.folder, case=case.id)


def suite_warnings(suite: Suite, cases: Sequence[Case]) -> list[Problem]:
    """What is probably not meant, though no problem: cases that cannot fail because all they assert only scores."""
    unfailing = cases_that_cannot_fail(suite.spec.assertions, cases, suite.facts())
    if not unfailing:
        return []
    metrics = dict.fromkeys(assertion.metric for asserted in unfailing.values() for assertion in asserted)
    ids = list(unfailing)
    which = f"{len(ids)} of {counted(len(cases), 'case')} cannot fail ({first_names(ids)})"
    if len(ids) == len(cases):
        which = "no case can fail"
    message = f"{which}: {', '.join(metrics)} only score, and a number decides nothing without a `threshold`"
    fix = (
        "add a `threshold` (`threshold: 1` for scores of 0 or 1), or an assertion that decides; gates decide by the "
        "shares of labels (`min_share`)"
    )
    return [Problem(message=message, fix=fix, file=suite.folder / SUITE_FILE, field="assertions")]


def _simulation_problems(suite: Suite, case: Case) -> Iterator[Problem]:
    simulation = case.simulation
    if simulation is None:
        return
    if not suite.spec.target.live:
        message = f"a `{suite.spec.target.kind}` target does not talk to a simulated user"
        yield _in_case(suite, case, message, "use another target, or leave it out", "simulation.goal")
    if simulation.by_model and simulation.model is None and suite.spec.simulated_user is None:
        fix = "give `model` here, or `simulated_user: {model: …}` in suite.yaml"
        yield _in_case(suite, case, "no chat model plays the user", fix, "simulation.model")
    for name in ("script", "model"):
        path = getattr(simulation, name)
        if path is not None and (name == "script" or is_code_path(path)):
            for problem in import_problems(path, folder=suite.folder, field=name):
                yield _placed(problem, suite.folder, "simulation", case=case)


def _placed_in(case: Case) -> Iterator[tuple[str, Assertion]]:
    """The assertions of a case, each with its field path."""
    yield from _numbered(case.assertions, "assertions")
    for index, turn in enumerate(case.turns):
        yield from _numbered(turn.assertions, f"turns[{index}].assertions")
    if case.simulation is not None:
        yield from _numbered(case.simulation.assertions, "simulation.assertions")


def _numbered(assertions: Sequence[Assertion], field: str) -> Iterator[tuple[str, Assertion]]:
    return ((f"{field}[{index}]", assertion) for index, assertion in enumerate(assertions))


def _placed(problem: Problem, file: Path, field: str, *, case: Case | None = None) -> Problem:
    """`problem` of what stands at `field`, such as an assertion, at its place in the document."""
    inner = problem.field
    return replace(
        problem, file=file, case=None if case is None else case.id, field=f"{field}.{inner}" if inner else field
    )


def _in_case(suite: Suite, case: Case, message: str, fix: str, field: str) -> Problem:
    return Problem(message=message, fix=fix, file=suite.folder, case=case.id, field=field)


def _unimportable(suite: Suite, path: str, field: str) -> list[Problem]:
    """Why nothing can be imported from the path at `field` of suite.yaml, if so."""
    file = suite.folder / SUITE_FILE
    return [replace(problem, file=file) for problem in import_problems(path, folder=suite.folder, field=field)]


def _missing_file(suite: Suite, text: str, field: str) -> Problem:
    return Problem(
        message=f"no file at {suite.path(text)}",
        fix="create it, or correct the path",
        file=suite.folder / SUITE_FILE,
        field=field,
    )
