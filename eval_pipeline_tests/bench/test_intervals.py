"""The simulation of intervals: few samples, to see that it measures, and the published methods beside their sources."""

import numpy as np
import pytest

from bench import interval_peers as peers
from bench.intervals import KINDS, measure


def test_intervals_cover_at_few_cases_where_student_s_do_not() -> None:
    measured = measure(60, (5,))
    rows = {row["kind"]: row for row in measured["rows"]}
    assert rows.keys() == KINDS.keys()
    assert all(row["coverage"] >= 0.9 for row in rows.values())
    assert rows["score"]["peers"]["Student"]["coverage"] < 0.5
    assert sum(row["of_width_zero"] + row["against_its_p_value"] for row in rows.values()) == 0


def test_newcombe_s_interval_of_paired_shares_is_the_published_one() -> None:
    """Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10: 36, 12, 2 and 0 of 50; Tango's is close to it."""
    then = np.array([[1.0] * 36 + [1.0] * 12 + [0.0] * 2])
    now = np.array([[1.0] * 36 + [0.0] * 12 + [1.0] * 2])
    assert [float(end[0]) for end in peers.newcombe(now, then)] == pytest.approx([0.0569, 0.3404], abs=1e-4)
    assert [float(end[0]) for end in peers.tango(now, then)] == pytest.approx([0.0569, 0.3404], abs=0.01)
