"""False alarms and power of the regression gate, on simulated pairs of experiments.

1,000 pairs of 200 cases with three attempts each, from cases of very different difficulty (a Beta distribution with
mean 0.7 and an intra-case correlation of 1/3, so that many cases nearly always pass and some nearly never). In half of
them nothing changes; in the others every case gets harder, by ten points in the mean. The benchmark counts how often
`max_regression: significant` fails: false alarms should be 5 % ± 1.5, power at least 80 %.

The peers are rules that are used in its place, on the same pairs: any drop, a drop of more than five points, and the
two-proportion z test of all attempts, which ignores pairs and repetitions.
"""

import json
import resource
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from statsmodels.stats.proportion import proportions_ztest

from eval_pipeline.analysis.comparison.comparison import Side, compare_sides
from eval_pipeline.analysis.gates.regression import check_regression
from eval_pipeline.analysis.statistics.power import LEVEL
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.suite.spec.gates import RegressionGate

CASES, ATTEMPTS, MEAN, CORRELATION, DROP = 200, 3, 0.7, 1 / 3, 0.1
SEED = 6

Verdicts = Any
"""Whether each attempt passed: an array of cases by attempts."""
Rule = Callable[[Verdicts, Verdicts], bool]


def main() -> None:
    """Run the simulation."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 pairs; to check that it runs")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args()
    document = measure(100 if chosen.quick else 1_000)
    if chosen.json:
        print(json.dumps(document))
        return
    print(f"{'':24}{'false alarms':>16}{'power':>10}")
    for name, figures in {"max_regression": document["ours"], **document["peers"]}.items():
        print(f"{name:24}{figures['false_alarm_rate']:>16.1%}{figures['power']:>10.1%}")
    print("\n".join(document["notes"]))


def measure(pairs: int) -> dict[str, Any]:
    """The share of pairs at which each rule fires, with no true difference and with a true drop."""
    started, cpu = time.perf_counter(), time.process_time()
    same, worse = _pairs(pairs, drop=0.0), _pairs(pairs, drop=DROP)
    rules: dict[str, Rule] = {
        "ours": _gate_fires,
        "any_drop": lambda then, now: bool(now.mean() < then.mean()),
        "five_points": lambda then, now: bool(then.mean() - now.mean() > 0.05),  # noqa: PLR2004
        "unpaired_z": _unpaired_z,
    }
    rates = {name: {"false_alarm_rate": _rate(rule, same), "power": _rate(rule, worse)} for name, rule in rules.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cost = {
        "wall_s": round(time.perf_counter() - started, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "peak_rss_mb": round(peak, 1),
    }
    ours = rates.pop("ours")
    single = [(then[:, :1], now[:, :1]) for then, now in worse]
    return {
        "name": "gates",
        "n": pairs,
        "ours": {**cost, **ours},
        "peers": rates,
        "ratios": {name: _ratio(ours["power"], figures["power"]) for name, figures in rates.items()},
        "notes": [
            f"{CASES} cases, {ATTEMPTS} attempts each; ratios of power",
            f"false alarms 5 % ± 1.5: {'met' if abs(ours['false_alarm_rate'] - LEVEL) <= 0.015 else 'NOT met'}",  # noqa: PLR2004
            f"power at least 80 % at ten points: {'met' if ours['power'] >= 0.8 else 'NOT met'}",  # noqa: PLR2004
            f"with one attempt a case the power is {_rate(_gate_fires, single):.1%}",
        ],
    }


def _pairs(pairs: int, *, drop: float) -> list[tuple[Verdicts, Verdicts]]:
    """Pairs of experiments, each on its own cases; in the second one cases pass less often by `drop` in the mean."""
    draw = np.random.default_rng(SEED)
    spread = (1 - CORRELATION) / CORRELATION
    drawn = []
    for _ in range(pairs):
        ability = draw.beta(MEAN * spread, (1 - MEAN) * spread, CASES)
        harder = ability * (MEAN - drop) / MEAN
        drawn.append(tuple(draw.random((CASES, ATTEMPTS)) < rate[:, None] for rate in (ability, harder)))
    return drawn  # type: ignore[return-value]


def _gate_fires(then: Verdicts, now: Verdicts) -> bool:
    comparison = compare_sides(now=_side("now", now), then=_side("then", then))
    (result,) = check_regression(RegressionGate(), comparison, [None])
    return not result.passed


def _side(name: str, verdicts: Verdicts) -> Side:
    rows: list[dict[str, Any]] = [
        {
            "case_id": f"c{case:03d}",
            "attempt": attempt,
            "split": "base",
            "tags": [],
            "status": "passed" if passed else "failed",
            "score": None,
            "assertions": [],
            "latency_s": 0.0,
            "tokens": None,
            "cost_usd": None,
        }
        for case, attempts in enumerate(verdicts)
        for attempt, passed in enumerate(attempts, 1)
    ]
    record = ExperimentRecord(
        suite="simulated",
        experiment=name,
        created_at="",
        dataset_version="d",
        context_id=None,
        target_version="t",
        repetitions=verdicts.shape[1],
        launched_by={},
    )
    return Side.of(record, rows, [])


def _unpaired_z(then: Verdicts, now: Verdicts) -> bool:
    counts = [int(now.sum()), int(then.sum())]
    return bool(proportions_ztest(counts, [now.size, then.size], alternative="smaller")[1] < LEVEL)


def _rate(rule: Rule, pairs: Sequence[tuple[Verdicts, Verdicts]]) -> float:
    return sum(rule(then, now) for then, now in pairs) / len(pairs)


def _ratio(ours: float, theirs: float) -> float:
    return round(ours / theirs, 3) if theirs else float("inf")


if __name__ == "__main__":
    main()
