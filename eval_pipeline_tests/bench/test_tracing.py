"""The benchmark of tracing: that both sides run against the counting recorder, and that it counts."""

import pytest

from bench.tracing import GRAFTS, LIVE_RUNS, counts_of, measure, recorder

pytestmark = pytest.mark.usefixtures("warm_sides")


def test_both_sides_are_counted() -> None:
    with recorder() as url:
        measured = measure(url, cases=3, rounds=1)
        assert counts_of(url)["events"] == 0  # they were taken

    (ours,), (theirs,) = measured["ours"], measured["aevaluate"]
    # Six live runs, the evaluator's graph and its turn, three grafts: each once.
    assert ours["events"] == ours["runs_sent"] == 3 * (LIVE_RUNS + 2 + GRAFTS)
    # Six live runs and the evaluator's, some of them posted and patched in one.
    assert 3 * 7 <= theirs["events"] <= 3 * 14
    assert ours["wire_bytes"] > 1_000
    assert theirs["wire_bytes"] > 1_000
