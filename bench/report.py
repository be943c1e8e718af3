"""Print the figures of a benchmark, as a table or as one JSON object a line."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.measuring import Measured, median, median_ratio

FIGURES = ("wall_s", "cpu_s", "peak_rss_mb")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A figure with its upper limit."""

    figure: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether the value is within the limit."""
        return self.value <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT met"
        return f"{verdict}: {self.figure}: {self.value:.3g} (at most {self.limit:g})"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The figures of all sides in one setting."""

    name: str
    n: int
    ours: Mapping[str, float]
    peers: Mapping[str, Mapping[str, float]]
    ratios: Mapping[str, float]
    """Ratios of ours to theirs, of the figure that the first note names."""
    notes: Sequence[str]

    @classmethod
    def of(
        cls, name: str, n: int, measured: Mapping[str, Sequence[Measured]], *, ratio_of: str, notes: Sequence[str] = ()
    ) -> "Comparison":
        """The medians of the figures from `in_turns`; the first side is ours."""
        (_, ours), *others = measured.items()
        return cls(
            name=name,
            n=n,
            ours=_medians(ours),
            peers={peer: _medians(theirs) for peer, theirs in others},
            ratios={peer: round(median_ratio(ours, theirs, ratio_of), 3) for peer, theirs in others},
            notes=[f"ratios of {ratio_of}", *notes],
        )


def options(description: str, **flags: str) -> argparse.Namespace:
    """Parse the command line: `quick`, `json`, `rounds` and further `flags`, each with its help."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a tenth of the cases, one round; to check that it runs")
    parser.add_argument("--json", action="store_true", help="one JSON object a line; the last is the headline")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs; figures are medians")
    for flag, text in flags.items():
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    return parser.parse_args()


def show(comparison: Comparison, *, as_json: bool) -> None:
    """Print one comparison."""
    if as_json:
        print(json.dumps(asdict(comparison), ensure_ascii=False), flush=True)
        return
    print(f"\n{comparison.name}, n = {comparison.n:,}")
    rows = {"ours": comparison.ours, **comparison.peers}
    columns = list(comparison.ours)
    print(f"  {'':24}" + "".join(f"{column:>20}" for column in columns) + f"{'ours / theirs':>16}")
    for name, row in rows.items():
        ratio = f"{comparison.ratios[name]:>16.2f}" if name in comparison.ratios else ""
        print(f"  {name:24}" + "".join(f"{_shown(row.get(column)):>20}" for column in columns) + ratio)
    for note in comparison.notes:
        print(f"  {note}", flush=True)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


def _medians(measured: Sequence[Measured]) -> dict[str, float]:
    numbers: dict[str, Any] = {
        key: round(median(measured, key), 4)
        for key, value in measured[0].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {**{key: numbers[key] for key in FIGURES}, **numbers}
