"""The baseline: the one that was set, the one that the suite names, or the last that passed."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.analysis.baseline import baseline_of, last_passed, read_baseline, set_baseline
from eval_pipeline.analysis.trend import read_points
from eval_pipeline.errors import CorruptDataError, InputError, MissingUpstreamError
from eval_pipeline.results import experiment_record
from eval_pipeline.results.experiment_record import ExperimentRecord, latest_experiment
from eval_pipeline.store.layout import baseline_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.stored import concluded, keep_experiment, results_of

GATE = {"gates": {"min_pass_rate": 0.5}}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def begun(store: LocalStore, name: str, letters: str, day: int, **spec: Any) -> ExperimentRecord:
    record = keep_experiment(store, name, results_of({f"c{n}": letter for n, letter in enumerate(letters)}), day=day)
    concluded(store, record, **{**GATE, **spec})
    return record


def test_the_last_that_passed_is_the_baseline_until_one_is_set(store: LocalStore) -> None:
    first = begun(store, "good", "pppp", 1)
    begun(store, "bad", "ffff", 2)
    latest = begun(store, "latest", "pppf", 3)
    assert baseline_of(store, first, None) is None
    assert baseline_of(store, latest, None) == "good"
    set_baseline(store, "sample", "bad")
    assert baseline_of(store, latest, None) == "bad"
    assert baseline_of(store, latest, "last_passed") == "good"
    assert baseline_of(store, latest, "good") == "good"


def test_a_run_of_some_cases_is_no_baseline_for_all_of_them(store: LocalStore) -> None:
    begun(store, "whole", "pppp", 1)
    begun(store, "some", "pp", 2)
    assert baseline_of(store, begun(store, "latest", "pppp", 3), None) == "whole"
    assert baseline_of(store, begun(store, "one", "p", 4), None) == "latest"


def test_a_gate_that_only_warns_does_not_keep_an_experiment_from_being_a_baseline(store: LocalStore) -> None:
    warns = {"gates": {"min_pass_rate": {"threshold": 1, "action": "warn"}}}
    begun(store, "warned", "pppf", 1, **warns)
    assert baseline_of(store, begun(store, "latest", "pppp", 2), None) == "warned"


def test_an_experiment_with_skipped_attempts_or_only_errors_is_no_baseline(store: LocalStore) -> None:
    begun(store, "whole", "pppp", 1)
    begun(store, "cut", "ppps", 2, gates={})
    begun(store, "broken", "eeee", 3, gates={})
    latest = begun(store, "latest", "pppp", 4)
    assert baseline_of(store, latest, None) == "whole"
    for name, why in (("cut", "1 of its 4 cases were skipped"), ("broken", "every attempt ended in an error")):
        with pytest.raises(InputError, match=why):
            set_baseline(store, "sample", name)
        with pytest.raises(InputError, match=f"{name} cannot be a baseline"):
            baseline_of(store, latest, name)


def test_an_experiment_with_some_errors_that_its_gates_allow_is_a_baseline(store: LocalStore) -> None:
    begun(store, "some", "pppe", 1, gates={"max_error_rate": 0.3})
    assert baseline_of(store, begun(store, "latest", "pppp", 2), None) == "some"


def test_the_baseline_itself_is_not_compared_with_itself(store: LocalStore) -> None:
    record = begun(store, "a", "pp", 1)
    set_baseline(store, "sample", "a")
    assert baseline_of(store, record, None) is None


def test_a_baseline_that_is_not_there_or_not_readable_is_reported(store: LocalStore) -> None:
    record = begun(store, "a", "pp", 1)
    with pytest.raises(MissingUpstreamError, match="no experiment 'nope'"):
        set_baseline(store, "sample", "nope")
    with pytest.raises(MissingUpstreamError, match="no experiment 'nope'"):
        baseline_of(store, record, "nope")
    assert read_baseline(store, "sample") is None
    store.put(baseline_key("sample"), b"[]")
    with pytest.raises(CorruptDataError, match="cannot be read as a baseline"):
        baseline_of(store, record, None)


def test_a_trend_is_the_last_experiments_before_this_one_the_newest_first(store: LocalStore) -> None:
    records = [begun(store, f"e{day}", "pp" if day % 2 else "ff", day) for day in range(1, 8)]
    points = read_points(store, "sample", before=records[5], last=3)
    assert [(point.experiment, point.pass_rate, point.passed) for point in points] == [
        ("e5", 1.0, True),
        ("e4", 0.0, False),
        ("e3", 1.0, True),
    ]
    assert [point.experiment for point in read_points(store, "sample", before=records[5], last=9, passed=False)] == [
        "e4",
        "e2",
    ]


def test_an_experiment_that_was_begun_later_is_later_whatever_the_clocks_say(store: LocalStore) -> None:
    one, other = begun(store, "one", "pp", 9), begun(store, "other", "pp", 1)
    assert read_points(store, "sample", before=one, last=3) == []
    assert [point.experiment for point in read_points(store, "sample", before=other, last=3)] == ["one"]
    assert [point.experiment for point in read_points(store, "sample", last=3)] == ["other", "one"]
    assert last_passed(store, other) == "one"
    assert latest_experiment(store, "sample") == other


def test_experiments_of_versions_before_are_in_the_order_of_time_and_before_all_others(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as versions_before:
        versions_before.setattr(experiment_record, "next_place", lambda *_: 0)
        one, other = (begun(store, name, "pp", 1) for name in ("z", "a"))
    assert [point.experiment for point in read_points(store, "sample", before=one, last=3)] == ["a"]
    assert [point.experiment for point in read_points(store, "sample", before=other, last=3)] == ["z"]
    begun(store, "new", "pp", 1)
    assert [point.experiment for point in read_points(store, "sample", last=3)] == ["new", "z", "a"]
