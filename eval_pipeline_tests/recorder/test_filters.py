"""The filter language: what it matches, and what it refuses."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.filters import compile_filter

RUN: dict[str, Any] = {
    "name": "judge",
    "run_type": "llm",
    "status": "error",
    "error": "ValueError: no",
    "tags": ["replayed", "nightly"],
    "parent_run_id": None,
    "start_us": 1_795_176_000_000_000,  # 2026-11-20T12:00:00Z
    "end_us": 1_795_176_005_500_000,
    "total_tokens": 40,
    "inputs": {"question": "Why not?"},
    "outputs": None,
    "extra": {"metadata": {"case_id": "c-1", "attempt": 2, "thread_id": "t"}},
    "feedback_stats": {"correct": {"avg": 0.5}, "polite": {"avg": 1.0}},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('eq(name, "judge")', True),
        ('neq(name, "judge")', False),
        ("and(eq(run_type, 'llm'), gt(latency, 5))", True),
        ('or(eq(name, "other"), eq(is_root, true))', True),
        ('not(has(tags, "replayed"))', False),
        ('in(status, ["error", "pending"])', True),
        ('lt(start_time, "2026-11-20T12:00:01Z")', True),
        ("gte(total_tokens, 41)", False),
        ('and(eq(metadata_key, "case_id"), eq(metadata_value, "c-1"))', True),
        ('and(eq(metadata_key, "attempt"), eq(metadata_value, "c-1"))', False),
        ('and(eq(metadata_key, "attempt"), eq(metadata_value, "2"))', True),
        ('and(eq(feedback_key, "correct"), gt(feedback_score, 0.7))', False),
        ('and(eq(feedback_key, "polite"), gt(feedback_score, 0.7))', True),
        ('has(metadata, \'{"case_id": "c-1"}\')', True),
        ('exists(metadata, "nothing")', False),
        ('eq(thread_id, "t")', True),
        ("eq(error, true)", True),
        ('search("why NOT")', True),
        ('search(outputs, "why")', False),
        ('like(name, "%udg%")', True),
    ],
)
def test_a_filter_matches_the_runs_it_describes(text: str, *, matches: bool) -> None:
    assert compile_filter(text)(RUN) is matches


@pytest.mark.parametrize(
    "text", ["", "eq", "eq(name)", 'eq(name, "a"', "name", 'grow(name, "a")', 'eq(name, "a") extra', "eq(name, ;)"]
)
def test_an_invalid_filter_is_refused(text: str) -> None:
    with pytest.raises(ErrorResponse) as refusal:
        compile_filter(text)(RUN)
    assert refusal.value.status == 400


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ErrorResponse, match="unknown field 'colour'"):
        compile_filter('eq(colour, "red")')(RUN)


@given(st.text())
def test_any_text_can_be_searched_for(name: str) -> None:
    assert compile_filter(f"eq(name, {json.dumps(name)})")({**RUN, "name": name})


@given(st.text(alphabet="eqand(),\"' nme01[]", max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    with suppress(ErrorResponse):
        assert callable(compile_filter(text))
