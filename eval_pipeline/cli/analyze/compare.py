"""`eval-pipeline compare BASELINE EXPERIMENT…`: compare experiments with a baseline."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from eval_pipeline.analysis.comparison.comparative import ComparativeExperiment, Scores, write_comparative
from eval_pipeline.analysis.comparison.comparative_evaluator import evaluator_preferences
from eval_pipeline.analysis.comparison.comparison import compare as compare_experiments
from eval_pipeline.analysis.comparison.preferences import Preferences, judge_preferences
from eval_pipeline.analysis.report.comparing import render_comparison
from eval_pipeline.cli.analyze.comparison_table import show_comparisons
from eval_pipeline.cli.options import json_option, store_option, suite_of_experiments, suite_option
from eval_pipeline.cli.servers.recorder import recorder_at_hand
from eval_pipeline.cli.shown import echo
from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.errors import InputError, MissingUpstreamError, Problem
from eval_pipeline.langsmith.experiments import ExperimentSession
from eval_pipeline.pipeline.rescore import open_rescoring
from eval_pipeline.results.experiment_record import read_experiment, suite_of
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.import_path import is_import_path
from eval_pipeline.suite.spec.judge import Judge
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment.trace_status import read_traced
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.user_code.result_stdout import stdout_for_result_only


@click.command()
@click.argument("experiments", nargs=-1, metavar="BASELINE EXPERIMENT...")
@click.option("--prefer", metavar="RUBRIC", help="Let a judge choose the better answers by this rubric.")
@click.option("--evaluator", metavar="PATH", help="Let a comparative evaluator written for LangSmith choose.")
@click.option("--judge", metavar="MODEL", help="Judge for --prefer, as provider:model.  [default: the suite's judge]")
@click.option(
    "--limit", type=click.IntRange(min=1), default=1_000, show_default=True, metavar="N", help="Judge at most N pairs."
)
@click.option("--rescore", is_flag=True, help="First score all answers by the suite's present assertions.")
@click.option("--langsmith", "write", is_flag=True, help="Create a comparative experiment in LangSmith.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the comparison as an HTML page.")
@suite_option
@store_option
@json_option
def compare(
    experiments: Sequence[str],
    prefer: str | None,
    evaluator: str | None,
    judge: str | None,
    limit: int,
    rescore: bool,  # noqa: FBT001 - click passes options by name
    write: bool,  # noqa: FBT001
    html: Path | None,
    given_suite: str | None,
    store: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Compare experiments with a baseline.

    Shows the differences on the cases that an EXPERIMENT and BASELINE have in common, with confidence intervals and
    p-values. All experiments are of one suite.
    """
    opened = open_store(store)
    suite = _common_suite(opened, experiments)
    if rescore:
        experiments = [_rescored(opened, suite_of_experiments(suite, given_suite), name) for name in experiments]
    baseline, *others = experiments
    comparisons = [compare_experiments(opened, suite, experiment=other, baseline=baseline) for other in others]
    if prefer is not None and evaluator is not None:
        raise click.UsageError("--prefer and --evaluator cannot be used together")
    preferences: dict[str, Preferences] = {}
    if prefer is not None or evaluator is not None:
        loaded = suite_of_experiments(suite, given_suite)
        preferences = {
            other: _by_evaluator(opened, loaded, other, baseline, path=evaluator, limit=limit)
            if evaluator is not None
            else _preferences(opened, loaded, other, baseline, rubric=prefer or "", model=judge, limit=limit)
            for other in others
        }
    written = {other: _written(opened, suite, other, baseline, preferences.get(other)) for other in others if write}
    if html is not None:
        html.write_text(render_comparison(comparisons, preferences), encoding="utf-8")
    if as_json:
        document: dict[str, Any] = {
            "suite": suite,
            "baseline": baseline,
            "comparisons": [comparison.to_json() for comparison in comparisons],
            "preferences": {name: preference.to_json() for name, preference in preferences.items()},
            "langsmith": {name: [vars(one) for one in destinations] for name, destinations in written.items()},
        }
        echo(json.dumps(document, indent=2))
        return 0
    show_comparisons(comparisons, preferences, Console())
    for destinations in written.values():
        for one in destinations:
            echo(f"{one.destination}: {one.preferences} preferences at {one.url}")
    if html is not None:
        echo(f"page: {html}")
    return 0


def _rescored(store: Store, suite: Suite, experiment: str) -> str:
    """The name of a new experiment, of the answers of another one by the suite's present assertions."""
    source, launch_id = read_experiment(store, suite.name, experiment), uuid.uuid4().hex
    with recorder_at_hand(home_folder()) as langsmith, stdout_for_result_only():
        rescoring = open_rescoring(store, suite, source, langsmith.settings(), launch_id=launch_id)
        rescoring.plan()  # raises before anything is paid for
        rescoring.score(run_id=launch_id)
    return rescoring.experiment.record.experiment


def _common_suite(store: Store, experiments: Sequence[str]) -> str:
    """The suite of all experiments.

    Raises:
        InputError: there are fewer than two different experiments, or they are of several suites.
    """
    if len(set(experiments)) < 2 or len(set(experiments)) < len(experiments):  # noqa: PLR2004
        problem = Problem(message="two different experiments are required", fix="name a baseline and an experiment")
        raise InputError(problem)
    suites = list(dict.fromkeys(suite_of(store, name) for name in experiments))
    if len(suites) > 1:
        message = f"the experiments are of different suites: {', '.join(suites)}"
        raise InputError(Problem(message=message, fix="compare experiments of one suite"))
    return suites[0]


def _preferences(
    store: Store, loaded: Suite, experiment: str, baseline: str, *, rubric: str, model: str | None, limit: int
) -> Preferences:
    echo("The judge's calls are not traced.", err=True)
    judge = Judge(model=model) if model is not None else loaded.spec.judge
    if judge is None:
        raise InputError(Problem(message=f"{loaded.name} has no judge", fix="give --judge provider:model"))
    return run_in_loop(
        judge_preferences(
            store,
            loaded.name,
            experiment=experiment,
            baseline=baseline,
            rubric=rubric,
            judge=judge,
            folder=loaded.folder,
            limit=limit,
        )
    )


def _by_evaluator(store: Store, loaded: Suite, experiment: str, baseline: str, *, path: str, limit: int) -> Preferences:
    if not is_import_path(path):
        fix = "write `package.module:attribute` or `file.py:attribute`"
        raise InputError(Problem(message=f"{path!r} is not an import path", fix=fix, field="--evaluator"))
    return evaluator_preferences(
        store, loaded.name, experiment=experiment, baseline=baseline, path=path, folder=loaded.folder, limit=limit
    )


def _written(
    store: Store, suite: str, experiment: str, baseline: str, preferences: Preferences | None
) -> list[ComparativeExperiment]:
    scores: Scores | None = None
    if preferences is not None:
        by_pair = {(one.case_id, one.attempt): one.score for one in preferences.preferences}

        def scores(case_id: str, attempt: int) -> float | None:
            return by_pair.get((case_id, attempt))

    new, old = (_session(store, suite, name) for name in (experiment, baseline))
    with recorder_at_hand(home_folder()) as langsmith:
        return write_comparative(
            store, suite, experiment=new, baseline=old, settings=langsmith.settings(), scores=scores
        )


def _session(store: Store, suite: str, experiment: str) -> ExperimentSession:
    """The LangSmith project of an experiment.

    Raises:
        MissingUpstreamError: the experiment was not traced.
    """
    traced = read_traced(store, suite, experiment)
    if not traced:
        raise MissingUpstreamError(
            f"experiment {experiment!r} was not traced", fix="evaluate with tracing on, or compare without LangSmith"
        )
    return traced[0].session
