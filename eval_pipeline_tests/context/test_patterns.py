"""Patterns that a chat model finds in rows."""

import pytest

from eval_pipeline.context.patterns import PATTERNS_SCHEMA, find_patterns
from eval_pipeline.errors import PermanentError
from eval_pipeline.results.usage import TokenUsage
from eval_pipeline_tests.fakes import ReadingModel, SilentModel

ROWS = [{"id": f"r{n}", "text": "späte Pakete"} for n in range(5)]


def test_rows_are_read_some_at_a_time_and_equal_titles_are_one_pattern() -> None:
    model = ReadingModel(seen=[])
    patterns, usage = find_patterns(ROWS, name="complaints", instruction="Look.", model=model, rows_per_call=2)
    assert len(model.seen) == 3
    assert all(text.startswith("Look.") for text in model.seen)
    assert "späte Pakete" in model.seen[0]
    assert patterns == [
        {
            "name": "complaints",
            "title": "Late parcels",
            "description": "They come late.",
            "evidence": ["r0", "r1", "r2", "r3", "r4"],
            "case_id": None,
        }
    ]
    assert set(patterns[0]) == set(PATTERNS_SCHEMA.names)
    assert (usage.input, usage.output) == (30, 6)


def test_without_rows_the_model_is_not_called() -> None:
    model = ReadingModel(seen=[])
    assert find_patterns([], name="n", instruction="i", model=model, rows_per_call=2) == ([], TokenUsage())
    assert model.seen == []


def test_a_model_that_gives_no_structure_is_reported() -> None:
    with pytest.raises(PermanentError, match="the model gave no patterns for 'n'"):
        find_patterns(ROWS, name="n", instruction="i", model=SilentModel(seen=[]), rows_per_call=9)
