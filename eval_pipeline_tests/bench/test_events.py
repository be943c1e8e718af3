"""The benchmark of Dagster's bookkeeping: that a side records all it is asked to, and by which storage."""

import pytest

from bench.events import SQLITE, measure

pytestmark = pytest.mark.usefixtures("warm_sides")


def test_both_sides_record_every_partition() -> None:
    sides = {"ours": {"storage": SQLITE, "at_once": True}, "log_event": {"storage": {}, "at_once": False}}

    measured = measure(sides, partitions=60, rounds=1)

    assert {name: rounds[0]["recorded"] for name, rounds in measured.items()} == {"ours": 60, "log_event": 60}
    assert all(rounds[0]["planned_ms"] > 0 and rounds[0]["materialized_ms"] > 0 for rounds in measured.values())
