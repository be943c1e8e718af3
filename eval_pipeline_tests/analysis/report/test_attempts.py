"""What of the attempts goes into the page: those that count, packed, with the documents they saw."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.analysis.report import attempts
from eval_pipeline.analysis.report.attempts import failing_rows, pack
from eval_pipeline.results.case_result import TurnResult
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import ResultLog
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result, an_assertion
from eval_pipeline_tests.building import a_case, a_context, a_suite


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def unpacked(chunk: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(chunk)))


def a_log(store: LocalStore, run_id: str = "r1") -> ResultLog:
    return ResultLog(store, suite="sample", experiment="e", writer=run_id)


def test_only_what_counts_is_read_whichever_segment_it_is_in(store: LocalStore) -> None:
    a_log(store, "r1").append([a_result("again", status="failed"), a_result("bad", status="failed", second=1)])
    a_log(store, "r2").append([a_result("again", second=5), a_result("broke", status="error")])
    a_log(store, "r3").append([a_result("skipped", status="skipped"), a_result("bad", 2)])
    rows = [(row["case_id"], row["attempt"], row["status"]) for row in failing_rows(store, "sample", "e")]
    assert sorted(rows) == [("bad", 1, "failed"), ("broke", 1, "error")]
    assert [turn["response"] for row in failing_rows(store, "sample", "e") for turn in row["turns"]] == [
        "<script>x</script>"
    ] * 2


def test_what_was_merged_or_set_aside_is_read_once_or_not_at_all(store: LocalStore) -> None:
    log = a_log(store)
    log.append([a_result("a", status="failed")])
    log.append([a_result("b", status="failed")])
    log.close()
    torn = a_log(store, "r2").append([a_result("c", status="failed")])
    store.put(torn, b"PAR1")
    assert ResultLogView.open(store, "sample", "e", set_aside_by="r3").unreadable
    assert [row["case_id"] for row in failing_rows(store, "sample", "e")] == ["a", "b"]


def test_the_index_is_sorted_and_leads_to_each_transcript(monkeypatch: pytest.MonkeyPatch, store: LocalStore) -> None:
    monkeypatch.setattr(attempts, "CHUNK", 2)
    asserted = an_assertion("tone", passed=False)
    a_log(store).append([a_result(name, status="failed", assertions=(asserted,)) for name in ("b", "a", "c")])
    packed = pack(failing_rows(store, "sample", "e"), None)
    assert [entry[:5] for entry in packed.index] == [
        [name, 1, "failed", "base", "tone: because <b>so</b>"] for name in ("a", "b", "c")
    ]
    assert len(packed.chunks) == 2
    for _, _, _, _, _, chunk, place in unpacked(packed.packed_index):
        assert unpacked(packed.chunks[chunk])[place]["assertions"][0]["name"] == "tone"


def test_what_does_not_fit_is_named_without_its_transcript(monkeypatch: pytest.MonkeyPatch, store: LocalStore) -> None:
    monkeypatch.setattr(attempts, "CHUNK", 1)
    monkeypatch.setattr(attempts, "MOST_BYTES", 1)
    a_log(store).append([a_result(name, status="failed") for name in ("a", "b", "c")])
    packed = pack(failing_rows(store, "sample", "e"), None)
    assert ([entry[5] for entry in packed.index], packed.left_out) == ([0, -1, -1], 2)


def test_inputs_and_outputs_that_are_more_than_text_are_packed_as_they_are(store: LocalStore) -> None:
    turn = TurnResult(
        index=0,
        input={"topic": "tea"},
        response="Tea",
        events=(),
        latency_s=0.0,
        outputs={"title": "Tea"},
        state={"documents": ["x" * 70_000]},
    )
    a_log(store).append([a_result("a", status="failed", turns=(turn,))])
    packed = pack(failing_rows(store, "sample", "e"), None, LargeValues(store, "sample", "e"))
    shown = unpacked(packed.chunks[0])[0]["conversation"]
    assert re.findall(r"<dt>(\w+)</dt>", shown) == ["topic", "title", "stored"]
    assert re.findall(r'role">(\w+)<', shown) == ["user", "agent", "state"]
    assert f"{store.root}/experiments/sample/e/values/" in shown


def test_documents_that_several_cases_saw_are_kept_once(store: LocalStore, folder: Path) -> None:
    (folder / "notes.jsonl").write_text('{"id": "n1", "text": "tea is from Assam"}\n{"id": "n2", "text": "milk"}\n')
    documents = {"source": {"file": "notes.jsonl"}, "retrieval": {"k": 1}}
    suite = a_suite(folder, context={"documents": documents})
    cases = [a_case(name, input="where is tea from?") for name in ("a", "b")]
    context = a_context(suite, store, cases)
    a_log(store).append([a_result(name, status="failed") for name in ("a", "b")])
    packed = pack(failing_rows(store, "sample", "e"), context)
    (texts,) = map(unpacked, packed.documents)
    assert texts == [{"id": "n1", "text": "tea is from Assam"}]
    (rows,) = map(unpacked, packed.chunks)
    assert [row["documents"][0][0] for row in rows] == [0, 0]


def test_a_link_that_is_code_is_no_link(store: LocalStore) -> None:
    urls = ["javascript:alert(1)", "https://example.org/r/1", None]
    a_log(store).append([a_result(f"c{n}", status="failed", trace_url=url) for n, url in enumerate(urls)])
    (rows,) = map(unpacked, pack(failing_rows(store, "sample", "e"), None).chunks)
    assert [row["trace"] for row in rows] == [None, "https://example.org/r/1", None]
