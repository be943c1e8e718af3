"""Error rate and savings of successive halving: how often it drops the best variant, and what it saves.

    python -m bench.variants [--quick] [--json]

Simulated comparisons of 400 cases: cases differ in difficulty (beta-distributed, correlation 1/3 between two attempts),
and all variants have the same ones. In each setting one variant is the best; in one setting it is `current`. `wrong` is
how often the best one was dropped, `saved` the share of attempts that was saved, `wins` how often the best one won in
the end, and `wins_in_full` the same without halving.

The peer is halving as usual (Jamieson and Talwalkar 2016): after each look the worse half is dropped without a test.
"""

import json
import resource
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.variants.deciding import Entrant, decide
from eval_pipeline.variants.halving import drops, looks_at

CASES, CORRELATION, SEED = 400, 1 / 3, 8
SETTINGS: Mapping[str, Sequence[float]] = {
    "four, one better": [0.6, 0.5, 0.55, 0.7],
    "eight, close": [0.6, 0.56, 0.58, 0.6, 0.61, 0.62, 0.63, 0.65],
    "sixteen, spread": [0.5, *np.linspace(0.2, 0.6, 14), 0.7],
    "sixteen, current best": [0.7, *np.linspace(0.2, 0.65, 15)],
}
"""The probability of each variant to pass; the first is `current`."""

Values = dict[str, dict[str, float]]


def simulated_values(draw: np.random.Generator, rates: Sequence[float], *, cases: int) -> Values:
    """The values of each variant on the same cases: 1 for a passed case. Case ids are in the order of evaluation."""
    hard = draw.random(cases)
    values = {}
    for number, rate in enumerate(rates):
        values[_name(number)] = {
            f"c{case:04}": float(passed) for case, passed in enumerate(draw.random(cases) < _chances(hard, rate))
        }
    return values


def halved(values: Values) -> tuple[set[str], float]:
    """The dropped variants, and the share of attempts that is saved."""
    ids = list(values[CURRENT])
    looks, left, dropped = looks_at(len(ids)), dict(values), set[str]()
    attempts, before = 0, 0
    for size in looks:
        attempts += (size - before) * len(left)
        before = size
        seen = {name: {case: by_case[case] for case in ids[:size]} for name, by_case in left.items()}
        for drop in drops(seen, looks=len(looks), variants=len(values)):
            dropped.add(drop.variant)
            left.pop(drop.variant)
        if len(left) == 1:
            break
    else:
        attempts += (len(ids) - before) * len(left)
    return dropped, 1 - attempts / (len(ids) * len(values))


def measure(comparisons: int) -> dict[str, Any]:
    """The figures of every setting."""
    started, cpu = time.perf_counter(), time.process_time()
    settings = {name: _setting(rates, comparisons) for name, rates in SETTINGS.items()}
    worst = max(shares["wrong"] for shares in settings.values())
    return {
        "name": "variants",
        "n": comparisons,
        "ours": {
            "wall_s": round(time.perf_counter() - started, 2),
            "cpu_s": round(time.process_time() - cpu, 2),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            **{name: {key: shares[key] for key in _OURS} for name, shares in settings.items()},
        },
        "peers": {
            "halves": {name: {key: shares[f"halves_{key}"] for key in _PEERS} for name, shares in settings.items()}
        },
        "ratios": {},
        "notes": [
            f"{CASES} cases, an attempt each",
            f"the best is dropped in at most 5 %: {'met' if worst <= 0.05 else 'NOT met'} ({worst:.1%} at worst)",  # noqa: PLR2004
        ],
    }


_OURS, _PEERS = ("wrong", "saved", "wins", "wins_in_full"), ("wrong", "saved")


def _setting(rates: Sequence[float], comparisons: int) -> dict[str, float]:
    draw = np.random.default_rng(SEED)
    best = _name(int(np.argmax(rates)))
    counts = dict.fromkeys(("wrong", "wins", "wins_in_full", "halves_wrong"), 0)
    saved, halves_saved = [], []
    for _ in range(comparisons):
        values = simulated_values(draw, rates, cases=CASES)
        dropped, share = halved(values)
        halves, halves_share = _halves(values)
        saved.append(share)
        halves_saved.append(halves_share)
        counts["wrong"] += best in dropped
        counts["halves_wrong"] += best in halves
        counts["wins"] += _winner(values, dropped) == best
        counts["wins_in_full"] += _winner(values, set()) == best
    shares = {name: round(count / comparisons, 4) for name, count in counts.items()}
    return {**shares, "saved": round(float(np.mean(saved)), 3), "halves_saved": round(float(np.mean(halves_saved)), 3)}


def _halves(values: Values) -> tuple[set[str], float]:
    """Halving as usual: the worse half is dropped at every look, except `current`."""
    ids = list(values[CURRENT])
    left, dropped, attempts, before = dict(values), set[str](), 0, 0
    for size in [*looks_at(len(ids)), len(ids)]:
        attempts += (size - before) * len(left)
        before = size
        ranked = sorted(left, key=lambda name: -sum(left[name][case] for case in ids[:size]))
        for name in ranked[(len(ranked) + 1) // 2 :] if size < len(ids) else []:
            if name != CURRENT:
                dropped.add(name)
                left.pop(name)
    return dropped, 1 - attempts / (len(ids) * len(values))


def _winner(values: Values, dropped: set[str]) -> str | None:
    """The winner; `current` without one."""
    entrants = [
        Entrant(
            name=name,
            experiment=name,
            prompts={},
            changes=(),
            values=by_case,
            gates_passed=True,
            errors=0,
        )
        for name, by_case in values.items()
    ]
    return decide(entrants, dict.fromkeys(dropped), metric="pass_rate").winner or CURRENT  # type: ignore[arg-type]


def _chances(hard: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """The probability that each case passes: the quantile of a beta distribution with mean `rate`."""
    from scipy import stats  # noqa: PLC0415 - takes a second to import

    spread = (1 - CORRELATION) / CORRELATION
    chances: NDArray[np.float64] = stats.beta.ppf(hard, rate * spread, (1 - rate) * spread)
    return chances


def _name(number: int) -> str:
    return f"v{number:02}" if number else CURRENT


def main() -> None:
    """Run the simulation."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 comparisons each; to check that it runs")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args()
    document = measure(10 if chosen.quick else 200)
    if chosen.json:
        print(json.dumps(document))
        return
    print(f"{'':24}{'wrong':>10}{'saved':>10}{'wins':>10}{'in full':>10}{'halves: wrong':>16}{'saved':>10}")
    for name in SETTINGS:
        ours, peer = document["ours"][name], document["peers"]["halves"][name]
        print(
            f"{name:24}{ours['wrong']:>10.1%}{ours['saved']:>10.1%}{ours['wins']:>10.1%}{ours['wins_in_full']:>10.1%}"
            f"{peer['wrong']:>16.1%}{peer['saved']:>10.1%}"
        )
    print("\n".join(document["notes"]))


if __name__ == "__main__":
    main()
