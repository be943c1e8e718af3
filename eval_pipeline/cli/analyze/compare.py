"""`eval-pipeline compare A B [C…]`: experiments held against the first of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from eval_pipeline.analysis.comparison.comparative import Scores, Written, write_comparative
from eval_pipeline.analysis.comparison.comparison import compare as compare_experiments
from eval_pipeline.analysis.comparison.preferences import Preferences, judge_preferences
from eval_pipeline.analysis.report.comparing import render_comparison
from eval_pipeline.cli.analyze.comparison_table import show_comparisons
from eval_pipeline.cli.servers.recording import recorder_at_hand
from eval_pipeline.cli.store_option import store_option
from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.experiment_record import suite_of
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.spec.judge import Judge
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.user_code.loop import run_in_loop


@click.command()
@click.argument("experiments", nargs=-1, metavar="A B [C]...")
@store_option
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.option("--prefer", metavar="RUBRIC", help="Ask a judge which answers are better by this rubric, in both orders.")
@click.option("--judge", metavar="MODEL", help="Who judges: provider:model; the suite's judge by default.")
@click.option("--limit", type=click.IntRange(min=1), default=1_000, show_default=True, help="Pairs that are judged.")
@click.option("--langsmith", "write", is_flag=True, help="Write a comparative experiment to LangSmith or the recorder.")
def compare(
    experiments: Sequence[str],
    store: str,
    html: Path | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
    prefer: str | None,
    judge: str | None,
    limit: int,
    write: bool,  # noqa: FBT001
) -> int:
    """Hold experiments B, C, … against A: differences on the cases both have, with intervals and p-values."""
    opened = open_store(store)
    baseline, others, suite = _named(opened, experiments)
    comparisons = [compare_experiments(opened, suite, experiment=other, baseline=baseline) for other in others]
    preferences: dict[str, Preferences] = {}
    if prefer is not None:
        preferences = {
            other: _preferences(opened, suite, other, baseline, rubric=prefer, model=judge, limit=limit)
            for other in others
        }
    written = {other: _written(opened, suite, other, baseline, preferences.get(other)) for other in others if write}
    if html is not None:
        html.write_text(render_comparison(comparisons, preferences), encoding="utf-8")
    if as_json:
        document: dict[str, Any] = {
            "suite": suite,
            "baseline": baseline,
            "comparisons": [found.to_json() for found in comparisons],
            "preferences": {name: found.to_json() for name, found in preferences.items()},
            "langsmith": {name: [vars(one) for one in found] for name, found in written.items()},
        }
        click.echo(json.dumps(document, indent=2))
        return 0
    show_comparisons(comparisons, preferences, Console())
    for found in written.values():
        for one in found:
            click.echo(f"{one.destination}: {one.preferences} preferences at {one.url}")
    if html is not None:
        click.echo(f"page: {html}")
    return 0


def _named(store: Store, experiments: Sequence[str]) -> tuple[str, Sequence[str], str]:
    if len(set(experiments)) < 2 or len(set(experiments)) < len(experiments):  # noqa: PLR2004
        raise InputError(Problem(message="two different experiments are needed to compare", fix="name A and B"))
    suites = [suite_of(store, name) for name in experiments]
    if len(set(suites)) > 1:
        named = ", ".join(dict.fromkeys(suites))
        raise InputError(Problem(message=f"the experiments are of several suites: {named}", fix="compare within one"))
    baseline, *others = experiments
    return baseline, others, suites[0]


def _preferences(
    store: Store, suite: str, experiment: str, baseline: str, *, rubric: str, model: str | None, limit: int
) -> Preferences:
    found = read_suite(suite_folder(suite))
    who = Judge(model=model) if model is not None else found.spec.judge
    if who is None:
        raise InputError(Problem(message="no chat model judges this", fix="give --judge provider:model"))
    return run_in_loop(
        judge_preferences(
            store,
            suite,
            experiment=experiment,
            baseline=baseline,
            rubric=rubric,
            judge=who,
            folder=found.folder,
            limit=limit,
        )
    )


def _written(
    store: Store, suite: str, experiment: str, baseline: str, preferences: Preferences | None
) -> list[Written]:
    scores: Scores | None = None
    if preferences is not None:
        by_pair = {(one.case_id, one.attempt): one.score for one in preferences.preferences}

        def scores(case_id: str, attempt: int) -> float | None:
            return by_pair.get((case_id, attempt))

    with recorder_at_hand(home_folder()) as langsmith:
        return write_comparative(
            store, suite, experiment=experiment, baseline=baseline, settings=langsmith.settings(), scores=scores
        )
