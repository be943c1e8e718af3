"""Results are loaded as a pandas table."""

import json
from pathlib import Path

import pandas as pd
import pytest

import eval_pipeline
from eval_pipeline.analysis.results_frame import COLUMNS, load_results
from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.results.case_result import TurnResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result, an_assertion
from eval_pipeline_tests.analysis.stored import concluded, keep_experiment, results_of
from eval_pipeline_tests.building import a_case


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_every_attempt_is_a_row_with_its_scores_and_metadata(store: LocalStore) -> None:
    results = [
        a_result("a", assertions=(an_assertion("tone", score=0.25), an_assertion("tone", score=0.75)), cost_usd=0.5),
        a_result("a", 2, status="failed", assertions=(an_assertion("exact", passed=False),)),
        a_result("b", status="skipped"),
    ]
    keep_experiment(store, "e", results, cases=[a_case("a", metadata={"tier": "gold"}), a_case("b")])
    table = load_results(store, "sample", "e")
    assert list(table.columns) == [*COLUMNS, "metadata.tier", "score.exact", "score.tone"]
    first, second, third = table.to_dict("records")
    assert (first["score.tone"], first["metadata.tier"], first["passed"], first["why"]) == (0.5, "gold", True, "")
    assert (second["attempt"], second["passed"], second["why"]) == (2, False, "exact: because <b>so</b>")
    assert pd.isna(second["score.tone"])
    assert pd.isna(third["passed"])
    assert (first["input_tokens"], first["cost_usd"], table["passed"].mean()) == (10, 0.5, 0.5)


def test_unknown_numbers_are_missing_numbers(store: LocalStore) -> None:
    keep_experiment(store, "e", [a_result("a", cost_usd=None, score=None)])
    table = load_results(store, "sample", experiment="e")
    assert [str(table[name].dtype) for name in ("cost_usd", "score")] == ["float64", "float64"]


def test_without_a_name_it_is_the_latest_that_was_summarized(store: LocalStore) -> None:
    for day, letter in enumerate("pf", 1):
        record = keep_experiment(store, f"e{day}", results_of({"a": letter}), day=day)
        concluded(store, record)
    assert set(load_results(store, "sample")["experiment"]) == {"e2"}
    both = load_results(store.root, "sample", ["e1", "e2"])
    assert both.groupby("experiment")["passed"].mean().to_dict() == {"e1": 1.0, "e2": 0.0}


def test_transcripts_are_loaded_on_request(store: LocalStore) -> None:
    keep_experiment(store, "e", results_of({"a": "p"}))
    assert "turns" not in load_results(store, "sample", "e")
    assert load_results(store, "sample", "e", transcripts=True)["turns"][0][0]["input"] == "<i>hi</i>"


def test_inputs_outputs_and_reference_are_columns_as_json_or_flat(store: LocalStore) -> None:
    outputs = {"title": "Tea", "documents": ["x" * 70_000]}
    turn = TurnResult(index=0, input="tea", response="Tea", events=(), latency_s=0.0, outputs=outputs)
    case = a_case("a", inputs={"topic": "tea", "n": 2}, reference={"title": "Tea"})
    keep_experiment(store, "e", [a_result("a", turns=(turn,))], cases=[case])
    (row,) = load_results(store, "sample", "e", values="json").to_dict("records")
    assert (row["inputs"], row["reference"]) == ('{"topic": "tea", "n": 2}', '{"title": "Tea"}')
    assert json.loads(row["outputs"]) == turn.outputs
    (flat,) = load_results(store, "sample", "e", values="flat").to_dict("records")
    assert (flat["inputs.topic"], flat["outputs.title"], flat["reference.title"]) == ("tea", "Tea", "Tea")
    assert "inputs" not in load_results(store, "sample", "e")


def test_an_experiment_without_results_is_an_empty_table_with_its_columns(store: LocalStore) -> None:
    keep_experiment(store, "e", [])
    table = load_results(store, "sample", "e")
    assert (list(table.columns), len(table)) == (list(COLUMNS), 0)


def test_a_missing_experiment_is_an_error(store: LocalStore) -> None:
    with pytest.raises(MissingUpstreamError, match="no experiment 'nope'"):
        load_results(store, "sample", "nope")
    with pytest.raises(MissingUpstreamError, match="no experiment of 'sample' has been summarized"):
        load_results(store, "sample")


def test_the_package_exports_it() -> None:
    assert eval_pipeline.load_results is load_results
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = eval_pipeline.nope
