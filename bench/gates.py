"""False alarms and power of the gates, on simulated experiments of 200 cases with three attempts each.

One gate: pairs of experiments, on cases of very different difficulty (a Beta distribution with mean 0.7 and an
intra-case correlation of 1/3, so that many cases nearly always pass and some nearly never). In half of the pairs
nothing changes; in the others every case gets harder, by ten points in the mean. The peers are rules that are used in
its place, on the same pairs: any drop, a drop of more than five points, and the two-proportion z test of all attempts,
which ignores pairs and repetitions.

The example of docs/results.md: all its gates together, on a suite whose outcomes are independent and flaky (every
attempt passes with probability 0.9; one of a hundred ends in an error, one of a hundred is skipped; five tags, a split
`smoke`, a score). A false alarm is a blocking gate that fails although nothing changed: beside a fixed baseline, and
beside one that moves to each experiment that passes. With a moving baseline it also measures how far a target falls
that loses a tenth of a point in every experiment, until a regression gate fails. Power is that of the regression gates.
"""

import json
import resource
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from statsmodels.stats.proportion import proportions_ztest

from eval_pipeline.analysis.comparison.comparison import Side, compare_sides
from eval_pipeline.analysis.gates.check_gates import Evidence, check_gates
from eval_pipeline.analysis.gates.regression import check_regressions
from eval_pipeline.analysis.slices import slices_of
from eval_pipeline.analysis.statistics.power import LEVEL
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.suite.spec.gates import Gates, RegressionGate

CASES, ATTEMPTS, MEAN, CORRELATION, DROP = 200, 3, 0.7, 1 / 3, 0.1
BASE_RATE, ERRORS, SKIPS, DRIFT, LONGEST = 0.9, 0.01, 0.01, 0.001, 300
"""Of the example; the drift is that of one experiment."""
MOST_FALSE_ALARMS, LEAST_POWER = 0.065, 0.8
SEED = 6
DOCS = Path(__file__).resolve().parent.parent / "docs" / "results.md"

Verdicts = Any
"""Whether each attempt passed: an array of cases by attempts."""
Rule = Callable[[Verdicts, Verdicts], bool]


def main() -> None:
    """Run the simulation."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 pairs; to check that it runs")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args()
    number = 50 if chosen.quick else 1_000
    document = measure(number)
    document["example"] = example = measure_example(number)
    document["notes"] += _notes_on(example)
    if chosen.json:
        print(json.dumps(document))
        return
    print(f"{'':24}{'false alarms':>16}{'power':>10}")
    for name, figures in {"max_regression": document["ours"], **document["peers"]}.items():
        print(f"{name:24}{figures['false_alarm_rate']:>16.1%}{figures['power']:>10.1%}")
    for name, value in document["example"].items():
        print(f"the example of docs/results.md: {name.replace('_', ' ')}: {value:.1%}")
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
    single = _rate(_gate_fires, [(then[:, :1], now[:, :1]) for then, now in worse])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cost = {
        "wall_s": round(time.perf_counter() - started, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "peak_rss_mb": round(peak, 1),
    }
    ours = rates.pop("ours")
    return {
        "name": "gates",
        "n": pairs,
        "ours": {**cost, **ours},
        "peers": rates,
        "ratios": {name: _ratio(ours["power"], figures["power"]) for name, figures in rates.items()},
        "notes": [
            f"{CASES} cases, {ATTEMPTS} attempts each; ratios of power",
            f"false alarms of one gate 5 % ± 1.5: {_met(abs(ours['false_alarm_rate'] - LEVEL) <= 0.015)}",  # noqa: PLR2004
            f"its power at ten points at least 80 %: {_met(ours['power'] >= LEAST_POWER)}",
            f"with one attempt a case its power is {single:.1%}",
        ],
    }


def measure_example(experiments: int) -> dict[str, float]:
    """False alarms, power, and drift of the gates in docs/results.md."""
    gates = example_gates()
    tests = Gates(max_regression=gates.max_regression, level=gates.level)
    draw = np.random.default_rng(SEED)
    fixed = [_fails(gates, _example(draw), _example(draw)) for _ in range(experiments)]
    moving = list(_chain(gates, draw, experiments, with_first=True))
    few = range(max(1, experiments // 5))
    worse = [_fails(tests, _example(draw), _example(draw, drop=DROP)) for _ in few]
    single = [_fails(tests, _example(draw, attempts=1), _example(draw, drop=DROP, attempts=1)) for _ in few]
    drifts = {
        with_first: [_drift(tests, draw, with_first=with_first) for _ in range(max(1, experiments // 50))]
        for with_first in (True, False)
    }
    return {
        "false_alarms_fixed_baseline": float(np.mean(fixed)),
        "false_alarms_moving_baseline": float(np.mean(moving)),
        "power_at_ten_points": float(np.mean(worse)),
        "power_at_ten_points_one_attempt": float(np.mean(single)),
        "drift_before_a_gate_fails_median": float(np.median(drifts[True])),
        "drift_before_a_gate_fails_most": float(np.max(drifts[True])),
        "drift_without_the_first_that_passed_most": float(np.max(drifts[False])),
    }


def _notes_on(example: dict[str, float]) -> list[str]:
    alarms = max(example["false_alarms_fixed_baseline"], example["false_alarms_moving_baseline"])
    return [
        f"false alarms of the example at most 6.5 %: {_met(alarms <= MOST_FALSE_ALARMS)}",
        f"its power at ten points at least 80 %: {_met(example['power_at_ten_points'] >= LEAST_POWER)}",
    ]


def example_gates() -> Gates:
    """The gates of the first example in docs/results.md."""
    _, _, rest = DOCS.read_text(encoding="utf-8").partition("```yaml\n")
    return Gates.model_validate(yaml.safe_load(rest.partition("```")[0])["gates"])


def _chain(
    gates: Gates, draw: np.random.Generator, length: int, *, with_first: bool, drift: float = 0.0
) -> Iterator[bool]:
    """Whether each experiment of a suite fails, where the baseline is the last one that passed."""
    first = baseline = _example(draw)
    for number in range(1, length + 1):
        now = _example(draw, drop=drift * number)
        failed = _fails(gates, baseline, now, first=first if with_first and first is not baseline else None)
        baseline = baseline if failed else now
        yield failed


def _drift(gates: Gates, draw: np.random.Generator, *, with_first: bool) -> float:
    """How far the pass rate has fallen when a gate fails, as it falls with every experiment."""
    chain = _chain(gates, draw, LONGEST, with_first=with_first, drift=DRIFT)
    return DRIFT * next((number for number, failed in enumerate(chain, 1) if failed), LONGEST)


def _fails(gates: Gates, then: Side, now: Side, *, first: Side | None = None) -> bool:
    evidence = Evidence(
        rows=now.rows,
        members=slices_of(now.rows),
        comparison=compare_sides(now=now, then=then),
        first=None if first is None else compare_sides(now=now, then=first),
    )
    return any(result.blocks for result in check_gates(gates, evidence))


def _example(draw: np.random.Generator, *, drop: float = 0.0, attempts: int = ATTEMPTS) -> Side:
    """An experiment whose attempts pass with the base rate, errors among those that do not."""
    outcomes = draw.random((CASES, attempts))
    statuses = np.where(outcomes < BASE_RATE - drop, "passed", np.where(outcomes < 1 - ERRORS, "failed", "error"))
    statuses = np.where(draw.random((CASES, attempts)) < SKIPS, "skipped", statuses)
    scores = np.clip(draw.normal(BASE_RATE - drop, 0.1, (CASES, attempts)), 0, 1)
    return _side("simulated", statuses, scores)


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
    sides = [_side(name, np.where(verdicts, "passed", "failed")) for name, verdicts in (("now", now), ("then", then))]
    comparison = compare_sides(now=sides[0], then=sides[1])
    ((result,),) = check_regressions({"pass rate": (RegressionGate(), [None])}, [comparison]).values()
    return not result.passed


def _side(name: str, statuses: Any, scores: Any = None) -> Side:
    rows: list[dict[str, Any]] = [
        {
            "case_id": f"c{case:03d}",
            "attempt": number,
            "split": "smoke" if case % 5 == 0 else "base",
            "tags": [] if scores is None else [f"t{case % 5}"],
            "status": str(status),
            "score": None,
            "assertions": []
            if scores is None or status in {"error", "skipped"}
            else [_assertion(scores[case, number - 1])],
            "latency_s": 1.0,
            "tokens": None,
            "cost_usd": 0.001,
            "usage": None,
            "error": None,
        }
        for case, attempts in enumerate(statuses)
        for number, status in enumerate(attempts, 1)
    ]
    record = ExperimentRecord(
        suite="simulated",
        experiment=name,
        created_at="",
        dataset_version="d",
        context_id=None,
        target_version="t",
        repetitions=statuses.shape[1],
        launched_by={},
    )
    return Side.of(record, rows, [])


def _assertion(score: float) -> dict[str, Any]:
    return {"name": "grounded_in_context", "score": float(score), "passed": None, "weight": 0.0, "error": None}


def _unpaired_z(then: Verdicts, now: Verdicts) -> bool:
    counts = [int(now.sum()), int(then.sum())]
    return bool(proportions_ztest(counts, [now.size, then.size], alternative="smaller")[1] < LEVEL)


def _rate(rule: Rule, pairs: Sequence[tuple[Verdicts, Verdicts]]) -> float:
    return sum(rule(then, now) for then, now in pairs) / len(pairs)


def _ratio(ours: float, theirs: float) -> float:
    return round(ours / theirs, 3) if theirs else float("inf")


def _met(met: bool) -> str:  # noqa: FBT001
    return "met" if met else "NOT met"


if __name__ == "__main__":
    main()
