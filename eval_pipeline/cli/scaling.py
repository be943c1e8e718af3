"""`eval-pipeline scaling [SUITE]`: how long many cases take, what they cost, and what holds them up."""

import dataclasses
import json
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.scaling.assuming import Assumed, Expected
from eval_pipeline.scaling.model import REMEDY
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0))


@click.command()
@click.argument("suite", required=False)
@click.option("--cases", multiple=True, type=click.IntRange(min=1), help="How many; by default 1,000 to 10,000,000.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Any field of eval_pipeline/scaling.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def scaling(suite: str | None, cases: Sequence[int], given: Sequence[str], *, as_json: bool) -> None:
    """Foretell duration, cost and bottleneck of a run, with the limits and the compute of SUITE.

    What an attempt takes no file says: --set seconds=20 --set requests=4 --set tokens_in=4000 --set tokens_out=500
    --set dollars_in=0.15 --set dollars_out=0.6. Others: kind=lambda, workers=100, concurrency=8,
    requests_per_minute=500. docs/scaling.md has all, and how far to trust them.
    """
    spec = None if suite is None else read_suite(suite_folder(suite)).spec
    assumed = Assumed.of(dict(map(_pair, given)), spec)
    expected = [assumed.expected(count) for count in cases or SIZES]
    if as_json:
        click.echo(json.dumps([_document(found) for found in expected], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("cases", "takes", "held up by", "costs", "of it models", "traces after"):
        table.add_column(name, justify="left" if name == "held up by" else "right")
    for found in expected:
        table.add_row(*row(found))
    Console().print(table)
    for name in dict.fromkeys(found.found.bottleneck for found in expected):
        click.echo(f"held up by {name}: {REMEDY[name]}")
    for line in lines_of_warnings(expected):
        click.echo(line)


def lines_of_warnings(expected: Sequence[Expected]) -> list[str]:
    """What does not fit, where it begins not to."""
    first: dict[str, str] = {}
    for found in expected:
        for name, warning in found.warnings.items():
            first.setdefault(name, f"with {found.load.cases:,} cases {warning}")
    return list(first.values())


def row(expected: Expected) -> tuple[str, ...]:
    """What is shown of a number of cases."""
    found, cost = expected.found, expected.dollars
    return (
        f"{expected.load.cases:,}",
        shown_seconds(found.duration_s),
        found.bottleneck,
        _shown_dollars(sum(cost.values())),
        _shown_dollars(cost["models"]),
        shown_seconds(found.traces_s) if found.traces_s else "",
    )


def shown_seconds(seconds: float) -> str:
    """In the unit that suits it."""
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} s"


def _shown_dollars(value: float) -> str:
    return f"${value:,.2f}" if value < 100 else f"${value:,.0f}"  # noqa: PLR2004 - cents of hundreds are no news


def _document(expected: Expected) -> dict[str, object]:
    found = dataclasses.asdict(expected.found)
    return {
        "cases": expected.load.cases,
        **found,
        "bottleneck": expected.found.bottleneck,
        "dollars": dict(expected.dollars),
        "warnings": dict(expected.warnings),
    }


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(Problem(message=f"{text!r} sets nothing", fix="write NAME=VALUE", field="--set"))
    return name, value
