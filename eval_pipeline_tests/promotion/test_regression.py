"""Whether the runs after a promotion are worse than before it."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.promotion.moves import PromptMove
from eval_pipeline.promotion.regression import PromotionCheck, check_promotion, read_checks
from eval_pipeline.results.begun import next_place
from eval_pipeline.results.experiment_record import PinnedPrompt
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.stored import concluded, keep_experiment, results_of
from eval_pipeline_tests.building import a_case
from eval_pipeline_tests.promotion.moved import proposed

OLD, GOOD = "0" * 16, "a" * 16
CASES = [f"c{number:02d}" for number in range(20)]
PROMOTION = PromptMove(
    **proposed(OLD, GOOD, suite="sample", reference="compared").model_dump(),
    number=1,
    begun_at="2024-01-10T00:00:00+00:00",
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def ran(store: LocalStore, name: str, commit: str, passed: int, *, day: int, **given: Any) -> None:
    """A run of twenty cases, of which the first so many pass."""
    cases = given.pop("cases", CASES)
    letters = {case: "p" if number < passed else "f" for number, case in enumerate(cases)}
    used = given.pop("used", "hub:support:production")
    pinned = PinnedPrompt(reference=used, used=used, commit=commit, source="hub", steps=())
    dataset = [a_case(case) for case in CASES]
    rows = results_of(letters, experiment=name)
    record = keep_experiment(store, name, rows, day=day, cases=dataset, prompts={"target": pinned}, **given)
    concluded(store, record)


def results(checks: list[PromotionCheck]) -> list[tuple[str, str, bool]]:
    return [(check.experiment, check.reference, check.regressed) for check in checks]


def test_a_run_that_fell_significantly_since_the_run_before_is_a_regression(store: LocalStore) -> None:
    ran(store, "before", OLD, 19, day=9)
    ran(store, "after", GOOD, 10, day=11)
    (check,) = check_promotion(store, PROMOTION, nights=1)
    assert results([check]) == [("after", "before", True)]
    assert "pass rate 50.0%" in check.message
    assert "since before (95.0%" in check.message


def test_what_ran_before_a_promotion_is_no_matter_of_clocks(store: LocalStore) -> None:
    ran(store, "before", OLD, 19, day=20)
    promotion = PROMOTION.model_copy(update={"order": next_place(store, "sample", "promotion")})
    ran(store, "after", GOOD, 10, day=1)
    assert results(check_promotion(store, promotion, nights=1)) == [("after", "before", True)]


def test_a_drop_that_may_be_chance_is_none(store: LocalStore) -> None:
    ran(store, "before", OLD, 19, day=9)
    ran(store, "after", GOOD, 16, day=11)
    assert results(check_promotion(store, PROMOTION, nights=1)) == [("after", "before", False)]


def test_each_run_is_checked_once_and_its_result_stands(store: LocalStore) -> None:
    ran(store, "before", OLD, 19, day=9)
    ran(store, "after", GOOD, 19, day=11)
    first = check_promotion(store, PROMOTION, nights=1)
    ran(store, "much worse, later", GOOD, 0, day=12)
    assert check_promotion(store, PROMOTION, nights=1) == first == read_checks(store, PROMOTION)
    assert results(first) == [("after", "before", False)]


def test_with_several_nights_each_has_its_share_of_the_level(store: LocalStore) -> None:
    ran(store, "before", OLD, 20, day=9)
    ran(store, "night 1", GOOD, 15, day=11)  # p = 1/32
    ran(store, "night 2", GOOD, 13, day=12)  # p = 1/128
    assert results(check_promotion(store, PROMOTION, nights=2)) == [
        ("night 1", "before", False),
        ("night 2", "before", True),
    ]


def test_without_a_run_before_the_comparison_that_decided_is_the_reference(store: LocalStore) -> None:
    ran(store, "compared", OLD, 19, day=9, variant="current")
    ran(store, "after", GOOD, 10, day=11)
    assert results(check_promotion(store, PROMOTION, nights=1)) == [("after", "compared", True)]


def test_runs_that_do_not_concern_the_promotion_do_not_count(store: LocalStore) -> None:
    ran(store, "before", OLD, 19, day=9)
    ran(store, "a variant", GOOD, 0, day=11, variant="good")
    ran(store, "another commit", OLD, 0, day=12)
    ran(store, "another prompt", GOOD, 0, day=13, used="hub:other:production")
    ran(store, "a few cases", GOOD, 0, day=14, cases=CASES[:5])
    ran(store, "before it", GOOD, 0, day=8)
    assert check_promotion(store, PROMOTION, nights=1) == []
    ran(store, "whole", GOOD, 19, day=15)
    assert results(check_promotion(store, PROMOTION, nights=1)) == [("whole", "before", False)]


def test_without_a_reference_there_is_no_result(store: LocalStore) -> None:
    ran(store, "after", GOOD, 0, day=11)
    assert check_promotion(store, PROMOTION, nights=1) == []
