"""Comparative evaluators written for LangSmith, called unchanged on the answers of two experiments, case by case."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langsmith.evaluation.evaluator import DynamicComparisonRunEvaluator, comparison_evaluator
from langsmith.schemas import Example, Run

from eval_pipeline.analysis.comparison.preferences import CasePreference, Preferences, summed_preferences
from eval_pipeline.analysis.overall.compute import attempts_with_parts
from eval_pipeline.analysis.overall.evaluators import example_of, run_of
from eval_pipeline.assertions.python import plain
from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.langsmith.ambient_tracing import no_ambient_tracing, untraced
from eval_pipeline.results.case_result import COMPLETED
from eval_pipeline.results.experiment_record import read_experiment
from eval_pipeline.store.store import Store
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.user_code.exits import contain_exits

Answered = Mapping[tuple[str, int], tuple[Run, Example]]
"""By case and attempt."""


def evaluator_preferences(
    store: Store, suite: str, *, experiment: str, baseline: str, path: str, folder: Path, limit: int
) -> Preferences:
    """The preferences of a comparative evaluator, in each case that both experiments answered.

    It is called with the runs of the baseline and of the experiment, in this order, and the example.

    Args:
        store: where both are stored.
        suite: the suite of both.
        experiment: the new experiment.
        baseline: the other experiment.
        path: the evaluator's import path.
        folder: the suite's folder.
        limit: the most pairs of attempts, in the order of the cases.

    Raises:
        InputError: nothing that compares runs can be imported from `path`.
        InfrastructureError: the infrastructure failed.
    """
    evaluator = _evaluator(path, folder)
    then, now = (_answered(store, suite, name) for name in (baseline, experiment))
    pairs = sorted(now.keys() & then.keys())[:limit]
    with no_ambient_tracing(), untraced():
        preferences = [_preference(evaluator, pair, then[pair], now[pair]) for pair in pairs]
    return summed_preferences(path, preferences)


def _evaluator(path: str, folder: Path) -> DynamicComparisonRunEvaluator:
    named: Any = resolve(path, folder=folder)
    if hasattr(named, "compare_runs"):
        evaluator: DynamicComparisonRunEvaluator = named
        return evaluator
    try:
        return comparison_evaluator(named)
    except (TypeError, ValueError) as error:
        fix = "name a function of `runs` and `example`, or of `inputs`, `outputs` and `reference_outputs`"
        raise InputError(Problem(message=f"{path!r} compares no runs: {error}", fix=fix)) from error


def _answered(store: Store, suite: str, experiment: str) -> Answered:
    record = read_experiment(store, suite, experiment)
    return {
        (row["case_id"], row["attempt"]): (run_of(row, part), example_of(row, part))
        for row, part in attempts_with_parts(store, record)
        if row["status"] in COMPLETED
    }


def _preference(
    evaluator: DynamicComparisonRunEvaluator, pair: tuple[str, int], then: tuple[Run, Example], now: tuple[Run, Example]
) -> CasePreference:
    case_id, attempt = pair
    (before, _), (after, example) = then, now
    try:
        with contain_exits("the comparative evaluator"):
            if evaluator.is_async:
                result = asyncio.run(evaluator.acompare_runs([before, after], example))
            else:
                result = evaluator.compare_runs([before, after], example)
        scores = {str(run_id): plain(score) for run_id, score in result.scores.items()}
        one, other = scores[str(after.id)], scores[str(before.id)]
    except InfrastructureError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it raises of one case, the others are kept
        why = f"{type(error).__name__}: {error}"
        return CasePreference(case_id=case_id, attempt=attempt, preferred=None, score=None, why=why)
    if one is None or other is None:
        return CasePreference(case_id=case_id, attempt=attempt, preferred=None, score=None, why="no score")
    preferred, score = ("tie", 0.5) if one == other else ("now", 1.0) if one > other else ("then", 0.0)
    comment = result.comment if isinstance(result.comment, str) else ""
    why = f"{float(other):g} then, {float(one):g} now" + (f": {comment}" if comment else "")
    return CasePreference(case_id=case_id, attempt=attempt, preferred=preferred, score=score, why=why)  # type: ignore[arg-type]
