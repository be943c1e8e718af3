"""`eval-pipeline scaling [SUITE]`: estimate duration, cost and bottleneck of runs of many cases."""

import dataclasses
import json
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from eval_pipeline.cli.options import json_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.scaling.model import REMEDY
from eval_pipeline.scaling.scenario import ScalingEstimate, Scenario
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0))


@click.command()
@click.argument("suite", required=False)
@click.option("--cases", multiple=True, type=click.IntRange(min=1), metavar="N", help="Number of cases. Repeatable.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Set a parameter of the model. Repeatable.")
@json_option
def scaling(suite: str | None, cases: Sequence[int], given: Sequence[str], *, as_json: bool) -> None:
    """Estimate duration, cost and bottleneck of a run.

    Uses the limits and `compute:` of SUITE, if given. Describe one attempt with --set: seconds=20, requests=4 (model
    calls), tokens_in=4000, tokens_out=500, and prices in dollars per million tokens, dollars_in=0.15, dollars_out=0.6.
    Change the deployment with kind=lambda, workers=100, concurrency=8, requests_per_minute=500. docs/scaling.md has
    all parameters and how accurate the estimates are.
    """
    spec = None if suite is None else read_suite(suite_folder(suite)).spec
    scenario = Scenario.of(dict(map(_pair, given)), spec)
    estimates = [scenario.estimate(count) for count in cases or SIZES]
    if as_json:
        echo(json.dumps([_document(estimate) for estimate in estimates], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("cases", "duration", "bottleneck", "cost", "models", "traces sent after"):
        table.add_column(name, justify="left" if name == "bottleneck" else "right")
    for estimate in estimates:
        table.add_row(*row(estimate))
    Console().print(table)
    for name in dict.fromkeys(estimate.prediction.bottleneck for estimate in estimates):
        echo(f"bottleneck {name}: {REMEDY[name]}")
    for line in lines_of_warnings(estimates):
        echo(line)


def lines_of_warnings(estimates: Sequence[ScalingEstimate]) -> list[str]:
    """Each warning, with the smallest number of cases that it applies to."""
    first: dict[str, str] = {}
    for estimate in estimates:
        for name, warning in estimate.warnings.items():
            first.setdefault(name, f"with {estimate.workload.cases:,} cases {warning}")
    return list(first.values())


def row(estimate: ScalingEstimate) -> tuple[str, ...]:
    """The cells of an estimate."""
    run, cost = estimate.prediction, estimate.dollars
    return (
        f"{estimate.workload.cases:,}",
        shown_seconds(run.duration_s),
        run.bottleneck,
        _shown_dollars(sum(cost.values())),
        _shown_dollars(cost["models"]),
        shown_seconds(run.traces_s) if run.traces_s else "",
    )


def shown_seconds(seconds: float) -> str:
    """A duration in its largest suitable unit."""
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} s"


def _shown_dollars(value: float) -> str:
    return f"${value:,.2f}" if value < 100 else f"${value:,.0f}"  # noqa: PLR2004 - cents only of small amounts


def _document(estimate: ScalingEstimate) -> dict[str, object]:
    return {
        "cases": estimate.workload.cases,
        **dataclasses.asdict(estimate.prediction),
        "bottleneck": estimate.prediction.bottleneck,
        "dollars": dict(estimate.dollars),
        "warnings": dict(estimate.warnings),
    }


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(Problem(message=f"{text!r} has no value", fix="write NAME=VALUE", field="--set"))
    return name, value
