"""Generate the tables and the picture of docs/scaling.md from the model; its text is written by hand."""

import math
import re
from collections.abc import Mapping, Sequence
from html import escape

from bench.measuring import REPOSITORY
from bench.scaling_points import read_points
from eval_pipeline.cli.deployment.scaling import SIZES, lines_of_warnings, row
from eval_pipeline.scaling.scenario import Scenario

DOC = REPOSITORY / "docs" / "scaling.md"
PICTURE = REPOSITORY / "docs" / "scaling.svg"

_LIMIT = {"requests_per_minute": 10_000, "tokens_per_minute": 10_000_000}
SETUPS: Mapping[str, Mapping[str, object]] = {
    "one process, 50 attempts at a time": {"kind": "local", "concurrency": 50, **_LIMIT},
    "Celery, 20 workers of 50": {
        "kind": "celery", "workers": 20, "concurrency": 50, "cases_per_task": 1_000, "shared_limits": True, **_LIMIT,
    },
    "Lambda, 100 calls of 8": {"kind": "lambda", "workers": 100, "concurrency": 8, **_LIMIT},
    "ECS, 50 containers of 50": {
        "kind": "ecs", "workers": 50, "concurrency": 50, "cases_per_task": 500, "shared_limits": True, **_LIMIT,
    },
    "state machine alone, 1,000 calls of 8, ten times the limits": {
        "kind": "step_functions", "alone": True, "workers": 1_000, "concurrency": 8, "cases_per_task": 100,
        "shared_limits": True, "requests_per_minute": 100_000, "tokens_per_minute": 100_000_000,
    },
}  # fmt: skip
"""The deployments in the document, all with the default workload."""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 820, 430, 70, 40, 20
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e")
_SECONDS = ((60, "1 min"), (600, "10 min"), (3_600, "1 h"), (36_000, "10 h"), (86_400, "1 d"), (864_000, "10 d"))


def write_doc() -> None:
    """Rewrite the tables of the document and its picture."""
    DOC.write_text(rendered(DOC.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")


def rendered(text: str) -> str:
    """The document with new generated parts, which are between `<!-- name -->` and `<!-- /name -->`."""
    for name, part in (("setups", _setups()), ("points", _points())):
        text = re.sub(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", rf"\g<1>\n{part}\n\g<2>", text, flags=re.DOTALL)
    return text


def _setups() -> str:
    parts = []
    for name, given in SETUPS.items():
        estimates = [Scenario.of(given).estimate(cases) for cases in SIZES]
        rows = (f"| {' | '.join(row(estimate))} |" for estimate in estimates)
        head = "| cases | duration | bottleneck | cost | models | traces sent after |\n|--:|--:|---|--:|--:|--:|"
        warnings = "".join(f"\n- {line}" for line in lines_of_warnings(estimates))
        parts.append(f"**{name}**\n\n{head}\n" + "\n".join(rows) + (f"\n{warnings}" if warnings else "") + "\n")
    return "\n".join(parts)


def _points() -> str:
    rows = [
        f"| {point.description} | {point.predicted_s:.0f} s | {point.measured_s:.0f} s "
        f"| {point.ratio:.2f} | {point.measured} |"
        for point in read_points()
    ]
    return "\n".join(["| run | predicted | measured | ratio | when |", "|---|--:|--:|--:|---|", *rows]) + "\n"


def picture() -> str:
    """A chart of duration by cases, on logarithmic axes, as SVG."""
    lines, names = [], []
    for index, (name, given) in enumerate(SETUPS.items()):
        colour, scenario = _COLOURS[index], Scenario.of(given)
        counts = [round(10 ** (3 + step / 10)) for step in range(41)]
        points = " ".join(
            f"{_x(cases):.1f},{_y(scenario.estimate(cases).prediction.duration_s):.1f}" for cases in counts
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        names.append(_text(_LEFT + 12, _TOP + 16 + 18 * index, name, fill=colour))
    grid = [_across(seconds, label) for seconds, label in _SECONDS] + [_up(cases) for cases in SIZES]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
            "<style>text { font-size: 12px }</style>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *grid,
            *lines,
            *names,
            "</svg>\n",
        ]
    )


def _x(cases: float) -> float:
    return _LEFT + (math.log10(cases) - 3) / 4 * (_WIDTH - _LEFT - 20)


def _y(seconds: float) -> float:
    low, high = math.log10(20), math.log10(3e6)
    return _HEIGHT - _BOTTOM - (math.log10(seconds) - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)


def _across(seconds: float, label: str) -> str:
    y = _y(seconds)
    return _line((_LEFT, y), (_WIDTH - 20, y)) + _text(_LEFT - 8, y + 4, label, anchor="end")


def _up(cases: int) -> str:
    x = _x(cases)
    label = f"{cases:,} cases" if cases == SIZES[0] else f"{cases:,}"
    return _line((x, _TOP), (x, _HEIGHT - _BOTTOM)) + _text(x, _HEIGHT - _BOTTOM + 20, label, anchor="middle")


def _line(start: Sequence[float], end: Sequence[float]) -> str:
    return f'<path d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, *, fill: str = "#444", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}">{escape(text)}</text>'
