"""Large inputs, outputs and states stand in the store beside the rows, and come back with them."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.content.outputs import MOST_STATE_BYTES, bounded_state
from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.case_result import CaseResult, TurnResult
from eval_pipeline.results.large_values import LARGEST_INLINE
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import ResultLog, read_results
from eval_pipeline.results.result_row import turn_of_row
from eval_pipeline.results.usage import TokenUsage
from eval_pipeline.store.local import LocalStore

LARGE = {"documents": ["x" * LARGEST_INLINE]}


def a_result(case_id: str = "a", **turn: Any) -> CaseResult:
    fields: Mapping[str, Any] = {"index": 0, "input": "hi", "response": "ok", "events": (), "latency_s": 0.0, **turn}
    return CaseResult(
        suite="s",
        experiment="e",
        case_id=case_id,
        attempt=1,
        variant=None,
        split="base",
        tags=(),
        status="passed",
        score=None,
        assertions=(),
        turns=(TurnResult(**fields),),
        started_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        latency_s=0.0,
        tokens=TokenUsage(),
        cost_usd=None,
        context_id=None,
        dataset_version="d",
        target_version="t",
        fingerprint="f",
    )


@pytest.fixture
def store(tmp_path: Any) -> LocalStore:
    return LocalStore(tmp_path)


def test_a_large_value_is_stored_once_and_read_back_with_its_row(store: LocalStore) -> None:
    log = ResultLog(store, suite="s", experiment="e", writer="r")
    results = [a_result(name, outputs=LARGE, state={"small": 1}) for name in "ab"]
    log.append(results)

    assert len(list(store.list("experiments/s/e/values/"))) == 1
    (row, _) = read_results(store, "s", "e").to_pylist()
    assert row["turns"][0]["outputs"].startswith("value:")
    assert row["turns"][0]["state"] == '{"small": 1}'
    view = ResultLogView.open(store, "s", "e")
    assert list(view.results({("a", 1), ("b", 1)})) == results
    assert turn_of_row(row["turns"][0]).outputs == {"stored": row["turns"][0]["outputs"]}


def test_a_large_value_that_is_gone_is_corrupt_data(store: LocalStore) -> None:
    ResultLog(store, suite="s", experiment="e", writer="r").append([a_result(outputs=LARGE)])
    (key,) = store.list("experiments/s/e/values/")
    (store_file,) = [path for path in Path(store.root).rglob("*") if str(path).endswith(key)]
    store_file.unlink()
    with pytest.raises(CorruptDataError, match="is missing"):
        list(ResultLogView.open(store, "s", "e").results({("a", 1)}))


def test_of_a_state_that_is_too_large_the_smaller_keys_are_kept() -> None:
    large = "x" * MOST_STATE_BYTES
    assert bounded_state({"files": large, "n": 1}) == {"files": {"left_out_bytes": len(large) + 2}, "n": 1}
    assert bounded_state({"n": {1, 2}}) == {"n": [1, 2]}
    assert bounded_state(None) is None
