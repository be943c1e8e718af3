"""What filters compare: durations, numbers, instants, text in any script, values of inputs and outputs."""

from typing import Any

import pytest

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.filters import compile_filter

RUN: dict[str, Any] = {
    "id": "r",
    "name": "exactly",
    "run_type": "llm",
    "status": "success",
    "error": None,
    "tags": [],
    "parent_run_id": "p",
    "start_us": 1_795_176_000_000_000,  # 2026-11-20T12:00:00Z
    "end_us": 1_795_176_012_000_000,
    "total_tokens": 600,
    "total_cost": 0.25,
    "inputs": {"question": "Wo ist das Café?", "user": {"id": "u-1", "level": 3}},
    "outputs": {"answer": "東京", "choices": [{"kind": "a"}, {"kind": "b"}]},
    "extra": {"metadata": {"n": 2, "ok": True, "name": "50% off_"}},
    "feedback_stats": {},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    {
        'gt(latency, "5s")': True,
        'gt(latency, "500ms")': True,
        'gt(latency, "1m")': False,
        'lt(latency, "0.2h")': True,
        'gt(latency, "11.5")': True,
        "gte(latency, 12)": True,
        "gt(total_tokens, 500)": True,
        'gt(total_tokens, "500")': True,
        "lt(total_cost, 0.3)": True,
        "lt(total_cost, 1e-3)": False,
        'gt(start_time, "2026-11-20T16:59:59+05:00")': True,
        'lt(start_time, "2026-11-20T16:59:59+05:00")': False,
        'eq(start_time, "2026-11-20T12:00:00")': True,
        'gt(end_time, "2026-11-20T12:00:11Z")': True,
        'search("café")': True,
        'search("CAFÉ")': True,
        'search("東京")': True,
        'search(inputs, "東京")': False,
        'search(outputs, "東京")': True,
        'like(name, "exact")': False,
        'like(name, "exact%")': True,
        'like(name, "%act%")': True,
        'like(name, "%tly")': True,
        'like(name, "e_actly")': True,
        'like(name, "e_xactly")': False,
        'like(name, "%")': True,
        'like(name, "exactly%exactly")': False,
        'like(error, "%x%")': False,
        'eq(input_key, "question")': True,
        'eq(input_key, "user.id")': True,
        'and(eq(input_key, "user.id"), eq(input_value, "u-1"))': True,
        'and(eq(input_key, "user.level"), gt(input_value, 2))': True,
        'and(eq(input_key, "user.level"), eq(input_value, "u-1"))': False,
        'and(eq(output_key, "choices.kind"), eq(output_value, "b"))': True,
        'eq(output_value, "東京")': True,
        "eq(metadata_value, 2)": True,
        'eq(metadata_value, "2")': True,
        "eq(metadata_value, true)": True,
        "eq(metadata_value, 1)": False,
        "has(metadata, '{\"n\": 2}')": True,
        "has(metadata, '{\"n\": 3}')": False,
        "eq(is_root, false)": True,
        "eq(error, false)": True,
        "neq(total_tokens, 600)": False,
        "in(total_tokens, [1, 600])": True,
        "not(eq(name, 'other'))": True,
    }.items(),
)
def test_values_are_compared_by_their_type(text: str, *, matches: bool) -> None:
    assert compile_filter(text)(RUN) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "and(eq())": "character 5: eq takes a field and a value",
        "search()": "character 1: search takes text",
        'has(metadata, "{bad")': "is no JSON",
        'gt(latency, "5 parsecs")': "takes a duration",
        'gt(total_tokens, "many")': "takes a number",
        'gt(start_time, "yesterday")': "takes a time",
        "gt(start_time, 5)": "takes a time",
        "gt(is_root, true)": "has no order",
        "eq(is_root, 1)": "takes true or false",
        'in(name, "a")': "takes a list",
        "like(name, 5)": "takes a pattern",
        "and()": "takes conditions",
        "not(eq(name, 'a'), eq(name, 'b'))": "takes one condition",
        'eq(name "a")': "character 9",
        'eq(name, "a"': "is missing",
        'eq(name, "\\q")': "is no string",
        "eq(name, other)": "takes a value",
        "and(1, 2)": "must be a function call",
        "not(" * 60 + "eq(name, 'a')" + ")" * 60: "nested deeper",
        "eq(name, '" + "x" * 30_000 + "')": "longer than",
    }.items(),
)
def test_what_cannot_be_compared_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ErrorResponse) as refusal:
        compile_filter(text)
    assert refusal.value.status == 400
    assert message in str(refusal.value.body)


def test_a_string_may_hold_line_breaks_and_both_quotation_marks() -> None:
    run = {**RUN, "name": "a\nb \"c\" 'd'"}
    assert compile_filter('eq(name, "a\nb \\"c\\" \'d\'")')(run)
    assert compile_filter("eq(name, 'a\\nb \"c\" \\'d\\'')")(run)
