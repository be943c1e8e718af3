"""The smallest drop that can be detected, against the exact power and by simulation."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from eval_pipeline.analysis.statistics.paired import sign_flip_p_values
from eval_pipeline.analysis.statistics.power import attempts_of_shares, smallest_detectable

Draw = Callable[[np.random.Generator, float], NDArray[np.float64]]
"""The means of 100 cases in an experiment that is worse by so much."""


def test_without_a_case_that_changed_by_chance_five_must_fall() -> None:
    """Five cases that fell have p = 1/32: the drop is nearly the one at which five of 200 fall with probability 0.8."""
    stable = np.ones(200)
    smallest = smallest_detectable(stable, stable)
    assert smallest is not None
    assert float(stats.binom.sf(4, 200, smallest)) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, drop: rng.binomial(1, 0.9 - drop, 100) * 1.0,
        lambda rng, drop: rng.binomial(3, 0.9 - drop, 100) / 3,
        lambda rng, drop: np.clip(rng.normal(0.7 - drop, 0.1, 100), 0, 1),
    ],
)
def test_the_smallest_detectable_drop_is_detected_in_four_of_five_experiments(draw: Draw) -> None:
    rng = np.random.default_rng(1)
    detected = []
    for _ in range(10):
        smallest = smallest_detectable(draw(rng, 0.0), draw(rng, 0.0))
        assert smallest is not None
        detected += [sign_flip_p_values(draw(rng, smallest) - draw(rng, 0.0))[0] < 0.05 for _ in range(12)]
    assert 0.7 <= np.mean(detected) <= 0.9


def test_too_few_cases_detect_no_drop_and_equal_scores_show_no_spread() -> None:
    assert smallest_detectable(np.ones(4), np.ones(4)) is None
    assert smallest_detectable(np.zeros(50), np.zeros(50)) is None
    assert smallest_detectable(np.full(50, 0.123), np.full(50, 0.123)) is None


@pytest.mark.parametrize(
    ("values", "attempts"), [([0.0, 1.0], 1), ([1 / 3, 1.0], 3), ([0.5, 2 / 3], 6), ([0.123], None)]
)
def test_the_number_of_attempts_is_read_from_their_shares(values: list[float], attempts: int | None) -> None:
    assert attempts_of_shares(np.array(values)) == attempts
