"""The number that variants are compared by, taken from rows."""

import pytest

from eval_pipeline.analysis.case_values import Row
from eval_pipeline.variants.metric import metric_by_case

_EXACT = {"name": "exact", "score": 1.0, "error": None}


@pytest.mark.parametrize("metric", ["pass_rate", "score", "exact"])
def test_an_attempt_that_broke_counts_as_nothing_so_that_a_variant_cannot_win_by_breaking(metric: str) -> None:
    rows: list[Row] = [
        {"case_id": "easy", "status": "passed", "score": 1.0, "assertions": [_EXACT]},
        {"case_id": "hard", "status": "error", "score": None, "assertions": []},
        {"case_id": "left", "status": "skipped", "score": None, "assertions": []},
    ]

    assert metric_by_case(rows, metric) == {"easy": 1.0, "hard": 0.0}


@pytest.mark.parametrize("metric", ["score", "exact"])
def test_a_case_that_the_metric_does_not_apply_to_has_none(metric: str) -> None:
    rows: list[Row] = [
        {
            "case_id": "scored",
            "status": "failed",
            "score": 0.5,
            "assertions": [{**_EXACT, "score": 0.5}],
        },
        {"case_id": "other", "status": "passed", "score": None, "assertions": []},
    ]

    assert metric_by_case(rows, metric) == {"scored": 0.5}
