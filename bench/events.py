"""The cost of Dagster's events of a partition: that it is planned, and that it is materialized.

One range run that evaluates nothing, with 1,000 and 10,000 partitions, on Postgres and on SQLite: with our storages,
with Dagster's own and partitions reported in batches, and in Dagster's documented way, `context.log_event`.
Measurements that would take 15 minutes are made at 1,000 only. Postgres is the one installed for tests (Debian:
postgresql).
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measuring import Measured, Side, SideError, median
from bench.report import Comparison, options, show
from eval_pipeline_tests.postgres import running_postgres

SIDE = Side(name="events", module="events_recording")
SQLITE = {
    "event_log_storage": {
        "module": "eval_pipeline.dagster_ext.sqlite_storage",
        "class": "BatchingSqliteEventLogStorage",
    }
}


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__ or "")
    few, many = (100, 400) if chosen.quick else (1_000, 10_000)
    with tempfile.TemporaryDirectory(prefix="events-") as folder, running_postgres(Path(folder) / "postgres") as server:
        for name, ours, own in (("sqlite", SQLITE, {}), ("postgres", server.batching_overrides, server.overrides)):
            for partitions in (few, many):
                sides = dict(_sides(ours, own))
                if partitions == many:
                    del sides["log_event"]
                    if name == "sqlite":
                        del sides["Dagster's storage"]
                measured = measure(sides, partitions=partitions, rounds=1 if chosen.quick else chosen.rounds)
                show(
                    Comparison.of(f"events on {name}", partitions, measured, ratio_of="wall_s", notes=_notes(measured)),
                    as_json=chosen.json,
                )


def measure(sides: dict[str, dict[str, Any]], *, partitions: int, rounds: int) -> dict[str, list[Measured]]:
    """All sides in turns.

    Raises:
        SideError: a partition was not recorded.
    """
    by_side: dict[str, list[Measured]] = {name: [] for name in sides}
    for index in range(rounds):
        for name in sides if index % 2 == 0 else reversed(sides):
            measured = SIDE.run(partitions=partitions, **sides[name])
            if measured["recorded"] != partitions:
                raise SideError(f"{name} recorded {measured['recorded']} of {partitions} partitions")
            by_side[name].append(measured)
    return by_side


def _sides(ours: dict[str, Any], own: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "ours", {"storage": ours, "at_once": True}
    yield "Dagster's storage", {"storage": own, "at_once": True}
    yield "log_event", {"storage": own, "at_once": False}


def _notes(measured: dict[str, list[Measured]]) -> list[str]:
    return [
        f"{name}: {median(figures, 'planned_ms'):.2f} ms a partition planned, "
        f"{median(figures, 'materialized_ms'):.2f} ms materialized"
        for name, figures in measured.items()
    ]


if __name__ == "__main__":
    main()
