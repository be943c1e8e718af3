"""The whole job through Dagster beside `aevaluate`: durable results, a materialization a case, traces to a recorder.

1,000 and 10,000 cases of an agent whose model takes 50 ms, at concurrency 50. Our side is `eval-pipeline run` on SQLite
with a shared context, grafted; the peer is `aevaluate` with upload, the same graph and one evaluator. Start-up aside:
our figures are those of a second run in the same process, and what such a run of one case takes is told beside them.
Ours without traces tells what tracing costs, the engine with its results on disk what Dagster does (and the context,
the summary and the report), and the engine alone what results do. `--postgres` runs ours on the Postgres that tests
take (Debian: postgresql) besides.
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
    """Measure, and print."""
    chosen = options(__doc__ or "", postgres="also measure ours with Dagster on Postgres")
    few, many = (100, 400) if chosen.quick else (1_000, 10_000)
    rounds = 1 if chosen.quick else chosen.rounds
    with recorder() as url, _postgres(wanted=chosen.postgres) as dagster:
        by_size = {cases: measure(url, cases=cases, rounds=rounds, postgres=dagster) for cases in (few, many)}
    walls = {cases: median(found["ours"], "wall_s") for cases, found in by_size.items()}
    for cases, found in by_size.items():
        ours, theirs = found["ours"], found["aevaluate"]
        goals = [Goal(says="times the wall of aevaluate", found=median_ratio(ours, theirs, "wall_s"), most=1.0)]
        if cases == many:
            growth = walls[many] / many / (walls[few] / few)
            goals.append(Goal(says=f"times the wall a case that {few} cases take", found=growth, most=1.15))
            goals.append(Goal(says="MB at most", found=median(ours, "peak_rss_mb"), most=500.0))
        notes = [*map(str, goals), _start(found), _split(found, cases)]
        shown = {"ours": ours, "aevaluate": theirs, **{name: found[name] for name in found if name == ON_POSTGRES}}
        show(Comparison.of("pipeline", cases, shown, ratio_of="wall_s", notes=notes), as_json=chosen.json)


@contextlib.contextmanager
def _postgres(*, wanted: bool) -> Iterator[dict[str, Any] | None]:
    """What `dagster.yaml` says of a Postgres for as long as the measurement takes."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pipeline-") as folder, running_postgres(Path(folder) / "pg") as server:
        yield {"telemetry": {"enabled": False}, **server.batching_overrides}


def measure(url: str, *, cases: int, rounds: int, postgres: dict[str, Any] | None = None) -> dict[str, list[Measured]]:
    """Both sides in turns; what ours is made of beside them, and ours with `postgres` as its `dagster.yaml`."""
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
    found: dict[str, list[Measured]] = {name: [] for _, name, _, _ in turns}
    for index in range(rounds):
        for side, name, to, more in turns if index % 2 == 0 else reversed(turns):
            counts_of(url)
            measured = side.run(**given, **more, url=to)
            if measured["passed"] != more.get("limit", cases):
                raise SideError(f"{name} passed {measured['passed']} of {cases} cases")
            events = counts_of(url)["events"]
            if (to is not None) != (events > 0):
                raise SideError(f"{name} sent {events} runs")
            found[name].append({**measured, "events": events})
    return found


def _start(found: dict[str, list[Measured]]) -> str:
    start = median(found["one case"], "wall_s")
    aside = [{"wall_s": one["wall_s"] - start} for one in found["ours"]]
    ratio = median_ratio(aside, found["aevaluate"], "wall_s")
    return f"of our wall, {start:.1f} s are what a run of one case takes; that aside {ratio:.2f} times aevaluate's"


def _split(found: dict[str, list[Measured]], cases: int) -> str:
    sides = ("ours", "untraced", "results", "engine")
    whole, untraced, results, engine = (median(found[name], "cpu_s") / cases * 1000 for name in sides)
    return (
        f"ms of CPU a case: engine and agent {engine:.2f}, results {results - engine:.2f}, "
        f"Dagster, context and summary {untraced - results:.2f}, tracing {whole - untraced:.2f}"
    )


if __name__ == "__main__":
    main()
