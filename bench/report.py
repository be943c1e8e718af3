"""How a benchmark's figures are shown: a table for people, or one JSON object a line for programs."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.measuring import Measured, median, median_ratio

FIGURES = ("wall_s", "cpu_s", "peak_rss_mb")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A figure that has to be reached."""

    says: str
    found: float
    most: float

    @property
    def met(self) -> bool:
        """Whether it was."""
        return self.found <= self.most

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT met"
        return f"{verdict}: {self.says}: {self.found:.3g} (at most {self.most:g})"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One setting: what we took, what others took."""

    name: str
    n: int
    ours: Mapping[str, float]
    peers: Mapping[str, Mapping[str, float]]
    ratios: Mapping[str, float]
    """Ours over theirs, of the figure that `notes` name first."""
    notes: Sequence[str]

    @classmethod
    def of(
        cls, name: str, n: int, measured: Mapping[str, Sequence[Measured]], *, ratio_of: str, notes: Sequence[str] = ()
    ) -> "Comparison":
        """The medians of what `in_turns` measured; the first side is ours."""
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
    """The command line that every benchmark has: `quick`, `json`, `rounds`; and `flags` of one, each with its help."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a tenth of the cases, one round: does it run at all?")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, the last one the headline")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs; figures are medians")
    for flag, says in flags.items():
        parser.add_argument(f"--{flag}", action="store_true", help=says)
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
