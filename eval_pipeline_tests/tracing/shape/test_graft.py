"""Copies of shared spans: rules that hold for any spans, what copies say, and what they do not."""

import datetime as dt
import uuid
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.langsmith.protocol.jsonable import json_bytes, plain
from eval_pipeline.langsmith.protocol.usage import usage_of
from eval_pipeline.tracing.shape.graft import LONGEST_LEAD, Timing, graft, lead_time
from eval_pipeline.tracing.shape.replica import Origin, replica_of
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun, complete_run, uuid7_at, uuid7_millisecond
from eval_pipeline.tracing.shape.spans import Span, spans_of_table, table_of_spans
from eval_pipeline_tests.tracing.traced import rules_broken

LONG_AGO = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
ORIGIN = Origin(project="sample-shared", url=lambda run_id: f"http://recorder/r/{run_id}")
USAGE = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120, "total_cost": 0.5}


def an_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def a_root(start: dt.datetime | None = None) -> CompleteRun:
    moment = start or dt.datetime.now(tz=dt.UTC)
    return complete_run(
        run_id=uuid7_at(moment, "root"),
        below=None,
        name="case",
        run_type="chain",
        start_time=moment,
        end_time=moment,
        session_name="experiment",
        inputs={},
        outputs={},
        metadata={},
    )


def a_span(number: int = 0, parent: int | None = None, **fields: Any) -> Span:
    known: dict[str, Any] = {
        "id": an_id(number),
        "parent_id": None if parent is None else an_id(parent),
        "trace_id": an_id(0),
        "name": f"span {number}",
        "run_type": "chain",
        "start_time": LONG_AGO,
        "end_time": LONG_AGO + dt.timedelta(seconds=2),
        **fields,
    }
    return Span(**known)


usages = st.sampled_from(
    [
        {},
        {"usage_metadata": USAGE},
        {
            "generations": [
                [{"message": {"kwargs": {"usage_metadata": USAGE, "response_metadata": {"token_usage": USAGE}}}}]
            ]
        },
        {"llm_output": {"token_usage": USAGE}, "answer": "x"},
        {
            "generations": [
                {"generation_info": {"usage": USAGE, "model_name": "m"}, "message": {"usage_metadata": USAGE}}
            ]
        },
    ]
)


@st.composite
def any_spans(draw: st.DrawFn) -> list[Span]:
    """Trees, orphans and circles, in any order and at any times."""
    count = draw(st.integers(1, 12))
    spans = []
    for number in range(count):
        start = LONG_AGO + draw(st.timedeltas(dt.timedelta(), dt.timedelta(hours=30)))
        spans.append(
            a_span(
                number,
                draw(st.none() | st.integers(0, count + 2)),
                run_type=draw(st.sampled_from(["chain", "tool", "llm", "retriever"])),
                start_time=start,
                end_time=start + draw(st.timedeltas(dt.timedelta(), dt.timedelta(hours=2))),
                outputs=draw(usages),
                metadata=draw(
                    st.sampled_from([{}, {"usage_metadata": USAGE, "ls_model_name": "m", "ls_provider": "p"}])
                ),
            )
        )
    return draw(st.permutations(spans))


@settings(deadline=None)
@given(any_spans(), st.sampled_from(["instant", "backdated"]), st.sampled_from(["chain", "llm"]))
def test_whatever_the_spans_their_copies_break_no_rule(spans: list[Span], timing: Timing, llm_as: Any) -> None:
    replicas = [replica_of(span, Origin(project="shared", llm_as=llm_as)) for span in spans]
    now = dt.datetime.now(tz=dt.UTC)
    root = a_root(now - lead_time(replicas, timing))

    runs = graft(replicas, Anchor.of(root), timing=timing)

    known = {root["id"]: root}
    assert len({run["id"] for run in runs}) == len(runs) == len(spans)
    for run in runs:
        parent = known[run["parent_run_id"]]  # parents come before children
        assert run["trace_id"] == root["id"]
        assert run["dotted_order"].startswith(parent["dotted_order"] + ".")
        assert parent["start_time"] <= run["start_time"] <= run["end_time"]
        assert uuid7_millisecond(run["id"]) == run["start_time"].replace(
            microsecond=run["start_time"].microsecond // 1000 * 1000
        )
        usage = usage_of(run["extra"], plain(run["outputs"]))
        assert usage is None or usage.total_tokens == usage.total_cost == 0
        known[run["id"]] = run
    assert rules_broken(runs) == []


@settings(deadline=None)
@given(any_spans())
def test_copies_take_no_time_unless_they_are_to(spans: list[Span]) -> None:
    replicas = [replica_of(span, ORIGIN) for span in spans]
    root = a_root()

    runs = graft(replicas, Anchor.of(root))

    assert lead_time(replicas, "instant") == dt.timedelta()
    assert all(run["end_time"] == run["start_time"] for run in runs)
    assert runs[-1]["start_time"] - root["start_time"] == dt.timedelta(microseconds=len(runs) - 1)


def test_made_again_copies_are_the_same_and_those_of_another_root_are_not() -> None:
    replicas = [replica_of(a_span(number), ORIGIN) for number in range(3)]
    root, moment = a_root(), dt.datetime.now(tz=dt.UTC)
    other = {**root, "id": uuid7_at(moment, "other")}

    ids = [run["id"] for run in graft(replicas, Anchor.of(root))]

    assert ids == [run["id"] for run in graft(list(reversed(replicas)), Anchor.of(root))]
    assert not {*ids} & {run["id"] for run in graft(replicas, Anchor.of(other))}


def test_backdated_copies_take_the_time_the_originals_took() -> None:
    second = dt.timedelta(seconds=1)
    spans = [
        a_span(0, end_time=LONG_AGO + 5 * second),
        a_span(1, 0, start_time=LONG_AGO + second, end_time=LONG_AGO + 3 * second),
    ]
    replicas = [replica_of(span, ORIGIN) for span in spans]
    root = a_root(dt.datetime.now(tz=dt.UTC) - lead_time(replicas, "backdated"))

    runs = graft(replicas, Anchor.of(root), timing="backdated")

    assert lead_time(replicas, "backdated") == 5 * second
    assert [run["start_time"] - root["start_time"] for run in runs] == [0 * second, second]
    assert [run["end_time"] - run["start_time"] for run in runs] == [5 * second, 2 * second]


def test_a_root_is_moved_back_by_an_hour_at_most() -> None:
    replicas = [replica_of(a_span(end_time=LONG_AGO + dt.timedelta(days=2)), ORIGIN)]

    assert lead_time(replicas, "backdated") == LONGEST_LEAD


def test_a_copy_says_where_it_comes_from_and_what_was_paid_there() -> None:
    metadata = {"usage_metadata": USAGE, "ls_model_name": "gpt-x", "ls_provider": "openai", "mine": 1}
    span = a_span(3, run_type="llm", outputs={"usage_metadata": USAGE, "answer": "x"}, metadata=metadata, tags=("t",))

    copy = replica_of(span, ORIGIN)

    assert (copy.run_type, copy.tags, plain(copy.outputs)) == ("chain", ("t", "replayed"), {"answer": "x"})
    assert copy.metadata == {
        "mine": 1,
        "replayed": True,
        "origin_run_id": an_id(3),
        "origin_trace_id": an_id(0),
        "origin_project": "sample-shared",
        "origin_start_time": "2026-01-02T03:04:05.678901+00:00",
        "origin_end_time": "2026-01-02T03:04:07.678901+00:00",
        "origin_duration_s": 2.0,
        "origin_run_type": "llm",
        "origin_url": f"http://recorder/r/{an_id(3)}",
        "origin_model": "gpt-x",
        "origin_usage": USAGE,
    }


def test_a_model_copied_as_a_model_states_that_it_used_nothing() -> None:
    span = a_span(run_type="llm", metadata={"usage_metadata": USAGE, "ls_model_name": "gpt-x"})

    copy = replica_of(span, Origin(project="shared", llm_as="llm"))

    assert copy.run_type == "llm"
    assert copy.metadata["usage_metadata"]["total_tokens"] == copy.metadata["usage_metadata"]["total_cost"] == 0
    assert "ls_model_name" not in copy.metadata


def test_long_fields_become_previews_with_their_digest_and_where_all_of_them_is() -> None:
    long = {"text": "é" * 50_000}

    copy = replica_of(a_span(2, inputs=long, outputs=long), ORIGIN)

    shown = plain(copy.inputs)
    assert plain(copy.outputs) == shown
    assert (shown["truncated"], shown["bytes"]) == (True, len(json_bytes(long)))
    assert shown["origin_url"] == f"http://recorder/r/{an_id(2)}"
    assert len(shown["sha256"]) == 64
    assert len(json_bytes(shown)) < 9 * 1024


def test_a_preview_is_redacted_before_it_is_cut() -> None:
    origin = Origin(project="shared", field_bytes=20, redact=lambda data: data.replace(b"a secret that is long", b"*"))

    copy = replica_of(a_span(inputs={"text": "a secret that is long"}), origin)

    assert plain(copy.inputs)["preview"] == '{"text":"*"}'


@settings(deadline=None)
@given(any_spans())
def test_spans_survive_their_parquet(spans: list[Span]) -> None:
    assert spans_of_table(table_of_spans(spans)) == spans
