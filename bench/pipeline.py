"""The whole job through Dagster, compared with `aevaluate`: durable results, materializations, traces to a recorder.

1,000 and 10,000 cases of an agent whose model takes 50 ms, at concurrency 50. Our side is `eval-pipeline run` on SQLite
with a shared context and grafted traces; the peer is `aevaluate` with upload, the same graph and one evaluator.
Start-up is excluded: our figures are those of a second run in the same process, and a run of one case is measured too.
Three further measurements divide the cost: ours without traces, the engine with durable results but without Dagster
(and context, summary and report), and the engine alone. `--postgres` also measures ours on Postgres, as installed for
tests (Debian: postgresql).
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measuring import Measured, Side, SideError, median, median_ratio
from bench.report import Comparison, Goal, options, show
from bench.tracing import CONCURRENCY, DELAY_S, counts_of, recorder
from eval_pipeline_tests.postgres import running_postgres

ON_POSTGRES = "ours on Postgres"
OURS = Side(name="ours", module="pipeline_ours")
THEIRS = Side(name="aevaluate", module="tracing_aevaluate")
RESULTS = Side(name="results", module="pipeline_results")
ENGINE = Side(name="engine", module="tracing_ours")


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__ or "", postgres="also measure ours with Dagster on Postgres")
    few, many = (100, 400) if chosen.quick else (1_000, 10_000)
    rounds = 1 if chosen.quick else chosen.rounds
    with recorder() as url, _postgres(enabled=chosen.postgres) as dagster:
        by_size = {cases: measure(url, cases=cases, rounds=rounds, postgres=dagster) for cases in (few, many)}
    walls = {cases: median(by_side["ours"], "wall_s") for cases, by_side in by_size.items()}
    for cases, by_side in by_size.items():
        ours, theirs = by_side["ours"], by_side["aevaluate"]
        goals = [Goal(figure="times the wall of aevaluate", value=median_ratio(ours, theirs, "wall_s"), limit=1.0)]
        if cases == many:
            growth = walls[many] / many / (walls[few] / few)
            goals.append(Goal(figure=f"times the wall a case that {few} cases take", value=growth, limit=1.15))
            goals.append(Goal(figure="MB at most", value=median(ours, "peak_rss_mb"), limit=500.0))
        notes = [*map(str, goals), _start(by_side), _split(by_side, cases)]
        shown = {"ours": ours, "aevaluate": theirs, **{name: by_side[name] for name in by_side if name == ON_POSTGRES}}
        show(Comparison.of("pipeline", cases, shown, ratio_of="wall_s", notes=notes), as_json=chosen.json)


@contextlib.contextmanager
def _postgres(*, enabled: bool) -> Iterator[dict[str, Any] | None]:
    """The `dagster.yaml` for a Postgres that runs as long as the measurement."""
    if not enabled:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pipeline-") as folder, running_postgres(Path(folder) / "pg") as server:
        yield {"telemetry": {"enabled": False}, **server.batching_overrides}


def measure(url: str, *, cases: int, rounds: int, postgres: dict[str, Any] | None = None) -> dict[str, list[Measured]]:
    """Both sides and the parts of ours in turns, and ours with `postgres` as its `dagster.yaml`."""
    given = {"cases": cases, "delay_s": DELAY_S, "concurrency": CONCURRENCY}
    turns: list[tuple[Side, str, str | None, dict[str, Any]]] = [
        (OURS, "ours", url, {}),
        (THEIRS, "aevaluate", url, {}),
        (OURS, "one case", url, {"limit": 1}),
        (OURS, "untraced", None, {}),
        (RESULTS, "results", None, {}),
        (ENGINE, "engine", None, {}),
    ]
    if postgres is not None:
        turns.insert(1, (OURS, ON_POSTGRES, url, {"dagster": postgres}))
    by_side: dict[str, list[Measured]] = {name: [] for _, name, _, _ in turns}
    for index in range(rounds):
        for side, name, to, more in turns if index % 2 == 0 else reversed(turns):
            counts_of(url)
            measured = side.run(**given, **more, url=to)
            if measured["passed"] != more.get("limit", cases):
                raise SideError(f"{name} passed {measured['passed']} of {cases} cases")
            events = counts_of(url)["events"]
            if (to is not None) != (events > 0):
                raise SideError(f"{name} sent {events} runs")
            by_side[name].append({**measured, "events": events})
    return by_side


def _start(by_side: dict[str, list[Measured]]) -> str:
    start = median(by_side["one case"], "wall_s")
    aside = [{"wall_s": one["wall_s"] - start} for one in by_side["ours"]]
    ratio = median_ratio(aside, by_side["aevaluate"], "wall_s")
    return f"a run of one case takes {start:.1f} s of our wall time; without it {ratio:.2f} times that of aevaluate"


def _split(by_side: dict[str, list[Measured]], cases: int) -> str:
    sides = ("ours", "untraced", "results", "engine")
    whole, untraced, results, engine = (median(by_side[name], "cpu_s") / cases * 1000 for name in sides)
    return (
        f"ms of CPU a case: engine and agent {engine:.2f}, results {results - engine:.2f}, "
        f"Dagster, context and summary {untraced - results:.2f}, tracing {whole - untraced:.2f}"
    )


if __name__ == "__main__":
    main()
