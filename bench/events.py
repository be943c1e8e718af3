"""What Dagster's bookkeeping costs a partition: the event that it is planned, and the one that it is materialized.

One range run that evaluates nothing, 1,000 and 10,000 partitions, on Postgres and on SQLite: by the storages of ours,
by Dagster's own with partitions reported many at once, and in Dagster's documented way, `context.log_event`. What would
take a quarter of an hour is measured at 1,000 only. It takes the Postgres that tests take (Debian: postgresql).
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
    """Measure, and print."""
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
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for index in range(rounds):
        for name in sides if index % 2 == 0 else reversed(sides):
            measured = SIDE.run(partitions=partitions, **sides[name])
            if measured["recorded"] != partitions:
                raise SideError(f"{name} recorded {measured['recorded']} of {partitions} partitions")
            found[name].append(measured)
    return found


def _sides(ours: dict[str, Any], own: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "ours", {"storage": ours, "at_once": True}
    yield "Dagster's storage", {"storage": own, "at_once": True}
    yield "log_event", {"storage": own, "at_once": False}


def _notes(measured: dict[str, list[Measured]]) -> list[str]:
    return [
        f"{name}: {median(found, 'planned_ms'):.2f} ms a partition planned, "
        f"{median(found, 'materialized_ms'):.2f} ms materialized"
        for name, found in measured.items()
    ]


if __name__ == "__main__":
    main()
