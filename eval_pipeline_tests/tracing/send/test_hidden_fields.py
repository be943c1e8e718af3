"""`LANGSMITH_HIDE_INPUTS`, `_OUTPUTS` and `_METADATA`: what they name of a run is not sent."""

from typing import Any

import pytest

from eval_pipeline.settings import HIDDEN_FIELDS, HiddenField, LangSmithSettings
from eval_pipeline.tracing.send.queued_item import PendingItem, without_hidden

RUN: dict[str, Any] = {
    "id": "1",
    "inputs": {"a": 1},
    "outputs": {"b": 2},
    "events": [{"name": "new_token", "kwargs": {"token": "b"}}],
    "extra": {"metadata": {"c": 3}, "runtime": {"d": 4}},
}


@pytest.mark.parametrize("prefix", ["LANGSMITH", "LANGCHAIN"])
@pytest.mark.parametrize("hidden", HIDDEN_FIELDS)
def test_each_variable_hides_its_field(monkeypatch: pytest.MonkeyPatch, prefix: str, hidden: HiddenField) -> None:
    monkeypatch.setenv(f"{prefix}_HIDE_{hidden.upper()}", "true")
    settings = LangSmithSettings.from_environment()
    sent = without_hidden(PendingItem(kind="run", body=RUN, graft=False), settings.hidden_fields).body

    assert sent["inputs"] == ({} if hidden == "inputs" else RUN["inputs"])
    assert sent["outputs"] == ({} if hidden == "outputs" else RUN["outputs"])
    assert sent["events"] == ([] if hidden == "outputs" else RUN["events"])
    assert sent["extra"]["metadata"] == ({} if hidden == "metadata" else RUN["extra"]["metadata"])
    assert sent["extra"]["runtime"] == RUN["extra"]["runtime"]


def test_without_the_variables_and_of_feedback_nothing_is_hidden() -> None:
    run, feedback = (PendingItem(kind=kind, body=RUN, graft=False) for kind in ("run", "feedback"))
    assert without_hidden(run, LangSmithSettings().hidden_fields) is run
    assert without_hidden(feedback, frozenset(HIDDEN_FIELDS)) is feedback
