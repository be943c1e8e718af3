"""The shared context's own trace: recorded while the snapshot is built, kept in it, and no part of its identity."""

from pathlib import Path

import pytest

from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.errors import InputError
from eval_pipeline.langsmith.protocol.jsonable import plain
from eval_pipeline.store.local import LocalStore
from eval_pipeline.tracing.shape.replica import Origin, SharedSpans
from eval_pipeline.tracing.shape.shared_trace import SharedTraceRecorder, shared_trace_runs
from eval_pipeline.tracing.shape.spans import SPANS_SCHEMA, spans_of_table
from eval_pipeline_tests.building import a_case
from eval_pipeline_tests.tracing.traced import a_context_suite, a_recorded_context, tree

CASES = (a_case("tea", input="Where is tea from?"), a_case("milk", input="Where is milk from?"))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_a_build_is_one_tree_of_its_steps(folder: Path, store: LocalStore) -> None:
    _, recorder = a_recorded_context(a_context_suite(folder), store, CASES)

    runs = list(shared_trace_runs(recorder.spans, session_name="sample-shared", labels={"suite": "sample"}))

    assert tree(runs) == [
        "shared_context",
        "  table:prices",
        "  documents",
        "  similar_documents",
        "    search_documents",
        "    search_documents",
        "  patterns:themes",
        "    find_patterns:themes",
        "      ReadingModel",
        "      read",
    ]
    (model,) = [run for run in runs if run["run_type"] == "llm"]
    assert model["extra"]["metadata"]["usage_metadata"]["total_tokens"] == 12
    assert {run["session_name"] for run in runs} == {"sample-shared"}


def test_each_case_has_a_search_as_retrievers_write_it(folder: Path, store: LocalStore) -> None:
    context, _ = a_recorded_context(a_context_suite(folder), store, CASES)
    assert context.trace is not None

    (span,) = SharedSpans(context.trace).of_case("tea")

    assert (span.run_type, span.case_id, span.inputs) == ("retriever", "tea", {"query": "Where is tea from?"})
    assert span.outputs is not None
    (document,) = span.outputs["documents"]
    assert (document["page_content"], document["type"]) == ("tea is from Assam", "Document")
    assert document["metadata"].keys() == {"document_id", "rank", "score"}


def test_the_snapshot_keeps_the_trace_with_a_checksum(folder: Path, store: LocalStore) -> None:
    context, recorder = a_recorded_context(a_context_suite(folder), store, CASES)

    assert context.trace is not None
    assert context.trace.schema.equals(SPANS_SCHEMA)
    assert spans_of_table(context.trace) == recorder.spans
    assert context.manifest.parts["trace"].rows == 10
    assert len(context.manifest.parts["trace"].sha256) == 64


def test_the_trace_does_not_change_the_contexts_id(folder: Path, store: LocalStore, tmp_path: Path) -> None:
    suite = a_context_suite(folder)
    context, _ = a_recorded_context(suite, store, CASES)

    unrecorded = ensure_snapshot(plan_context(suite, CASES), LocalStore(tmp_path / "other")).manifest

    assert unrecorded.context_id == context.id
    assert "trace" not in unrecorded.parts


def test_a_reused_snapshot_records_nothing(folder: Path, store: LocalStore) -> None:
    suite = a_context_suite(folder)
    a_recorded_context(suite, store, CASES)

    context, again = a_recorded_context(suite, store, CASES)

    assert again.spans == []
    assert context.trace is not None


def test_a_step_that_fails_is_seen_to_have_failed(folder: Path, store: LocalStore) -> None:
    suite = a_context_suite(folder)
    (folder / "notes.jsonl").write_text('{"id": "n1", "text": "x"}\n{"id": "n1", "text": "y"}\n', encoding="utf-8")
    recorder = SharedTraceRecorder()

    with pytest.raises(InputError):
        ensure_snapshot(plan_context(suite, CASES), store, recorder=recorder)

    errors = {span.name: span.error for span in recorder.spans}
    assert errors.keys() == {"shared_context", "table:prices", "documents"}
    assert errors["table:prices"] is None
    assert "n1" in str(errors["documents"])
    assert "n1" in str(errors["shared_context"])


def test_a_case_is_given_what_concerns_all_and_what_concerns_it(folder: Path, store: LocalStore) -> None:
    context, _ = a_recorded_context(a_context_suite(folder), store, CASES)
    assert context.trace is not None
    spans = SharedSpans(context.trace)

    replicas = spans.replicas("milk", Origin(project="sample-shared"))

    assert len(replicas) == 9
    assert [plain(replica.inputs) for replica in replicas if replica.run_type == "retriever"] == [
        {"query": "Where is milk from?"}
    ]
    assert len(spans.replicas("unknown", Origin(project="sample-shared"))) == 8


def test_more_searches_than_one_trace_may_have_stay_in_the_snapshot(
    folder: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, recorder = a_recorded_context(a_context_suite(folder), store, CASES)
    monkeypatch.setattr("eval_pipeline.tracing.shape.shared_trace.MOST_RUNS", 9)

    runs = list(shared_trace_runs(recorder.spans, session_name="p", labels={}))

    assert len(runs) == 9
    assert runs[0]["extra"]["metadata"]["spans_left_out"] == 1
    assert [run["name"] for run in runs].count("search_documents") == 1


def test_what_may_not_be_kept_is_not(folder: Path, store: LocalStore) -> None:
    suite, recorder = a_context_suite(folder), SharedTraceRecorder(redact=lambda data: data.replace(b"Assam", b"***"))

    manifest = ensure_snapshot(plan_context(suite, CASES), store, recorder=recorder).manifest

    trace = store.get_table(manifest.key("trace"))
    assert trace is not None
    assert "Assam" not in str(trace.to_pylist())
    assert "tea is from ***" in str(trace.to_pylist())


def test_the_share_of_a_case_is_known(folder: Path, store: LocalStore) -> None:
    context, _ = a_recorded_context(a_context_suite(folder), store, CASES)
    assert context.trace is not None

    assert SharedSpans(context.trace).per_case(4) == {"shared_tokens_per_case": 3.0}


def test_a_trace_that_cannot_be_kept_costs_no_snapshot(folder: Path, store: LocalStore) -> None:
    def broken(data: bytes) -> bytes:
        raise ValueError(len(data))

    plan = plan_context(a_context_suite(folder), CASES)

    manifest = ensure_snapshot(plan, store, recorder=SharedTraceRecorder(redact=broken)).manifest

    assert "similar_documents" in manifest.parts
    assert "trace" not in manifest.parts
