"""A case: its shorthands, its identity, and what it refuses."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from eval_pipeline.suite.case import CASE_ID, Case
from eval_pipeline_tests.building import a_case


def test_input_is_short_for_one_turn() -> None:
    assert [turn.text for turn in a_case(input="hi").turns] == ["hi"]


def test_a_turn_may_be_written_as_the_seed_wrote_it() -> None:
    assert a_case(turns=[{"user_input": "hi"}]).turns[0].text == "hi"
    assert a_case(reference_outputs={"a": 1}).reference == {"a": 1}


def test_the_runtime_keys_of_the_seed_are_accepted() -> None:
    case = a_case(_runtime_model="m", _runtime_temperature=0, _default_test_data={"x": 1}, runtime={"version": "2"})
    assert case.runtime.model_dump() == {
        "model": "m",
        "version": "2",
        "temperature": 0.0,
        "start_agent": None,
        "test_data": {"x": 1},
    }


def test_runtime_that_is_no_mapping_is_refused_with_or_without_the_keys_of_the_seed() -> None:
    for extra in ({}, {"_runtime_model": "m"}):
        with pytest.raises(ValidationError, match="runtime"):
            a_case(runtime="fast", **extra)


@pytest.mark.parametrize("case_id", [0, 7, "0", "a", "A-1_b", "x" * 120])
def test_ids_that_can_be_partition_keys_are_accepted(case_id: Any) -> None:
    assert Case.model_validate({"id": case_id, "input": "x"}).id == str(case_id)


@pytest.mark.parametrize(
    "case_id", ["a,b", "a...b", "", " a", "a b", "-a", "_a", "ä", "案", "a\n", "x" * 121, True, None, 1.5, ["a"]]
)
def test_ids_that_cannot_be_partition_keys_are_refused_with_the_fix(case_id: Any) -> None:
    with pytest.raises(ValidationError, match="cannot be a case id") as caught:
        Case.model_validate({"id": case_id, "input": "x"})
    assert "partition" in caught.value.errors()[0]["ctx"]["fix"]


@given(st.text(max_size=8))
@settings(max_examples=100, deadline=None)
def test_an_id_is_accepted_exactly_if_it_follows_the_rule(text: str) -> None:
    try:
        accepted = Case.model_validate({"id": text, "input": "x"}).id == text
    except ValidationError:
        accepted = False
    assert accepted == (CASE_ID.fullmatch(text) is not None)


def test_a_case_without_input_is_refused() -> None:
    with pytest.raises(ValidationError, match="has no input for the target"):
        Case.model_validate({"id": "a"})


def test_explicit_defaults_do_not_change_the_content_hash() -> None:
    plain = a_case(input="hi")
    spelled_out = a_case(turns=[{"user": "hi", "assertions": []}], split="base", tags=[], metadata={})
    assert plain.content_hash() == spelled_out.content_hash()


@pytest.mark.parametrize(
    "change",
    [{"input": "other"}, {"split": "dev"}, {"tags": ["t"]}, {"reference": {"a": None}}, {"metadata": {"a": 1}}],
)
def test_every_change_counts_into_the_content(change: dict[str, Any]) -> None:
    assert a_case().content_hash() != a_case(**{"input": "hello", **change}).content_hash()


def test_a_case_is_the_same_after_a_round_trip_through_its_canonical_json() -> None:
    case = a_case(
        turns=[{"user": "grüß dich 👋", "assertions": [{"type": "json_schema", "schema": {"type": "object"}}]}],
        assertions=[{"type": "equals", "value": None}, {"type": "one_of", "value": ["a"], "threshold": 1}],
        runtime={"temperature": 0},
        recordings=[{"messages": [{"role": "user", "content": None}], "data": {"reward": 0}}],
    )
    again = Case.model_validate_json(case.canonical_json())
    assert again == case
    assert again.content_hash() == case.content_hash()


def test_a_case_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        a_case().split = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"input": "\ud800"}, "input"),
        ({"metadata": {"a": ["\udfff"]}}, "metadata.a[0]"),
        ({"metadata": {"\ud800": 1}}, "metadata"),
        ({"turns": [{"user": "\ud800"}]}, "turns[0].user"),
    ],
)
def test_half_a_character_is_refused_with_place_and_fix(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError, match="contains a lone surrogate") as caught:
        a_case(**fields)
    (error,) = caught.value.errors()
    assert (error["ctx"]["field"], "the character itself" in error["ctx"]["fix"]) == (place, True)


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(ValidationError, match="nested too deeply"):
        a_case(metadata={"a": deep})
