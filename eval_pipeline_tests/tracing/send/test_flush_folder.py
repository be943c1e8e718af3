"""What a flush keeps of a spool: what the server did not take, and nothing else. No server answers here."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.tracing.send.flush import FlushReport, flush_folder
from eval_pipeline.tracing.send.queued_item import QueuedItem, run_item
from eval_pipeline.tracing.send.spool import spooled_items, write_whole
from eval_pipeline.tracing.send.uploader import UploadResult
from eval_pipeline_tests.tracing.sample_runs import a_trace


class _Uploads:
    """Gives each item the answer that is set for its id; the server takes all others."""

    paused = False
    connection = SimpleNamespace(destination=SimpleNamespace(name="recorder"))

    def __init__(self, **answers: str) -> None:
        self._answers = answers

    def upload(self, items: Sequence[QueuedItem]) -> UploadResult:
        result = UploadResult()
        for item in items:
            getattr(result, self._answers.get(item.id, "sent")).append(item)
        return result


@pytest.fixture
def items() -> list[QueuedItem]:
    return [run_item(run, graft=False, redactor=Redactor()) for run in a_trace()]


def _flushed(folder: Path, uploader: Any) -> FlushReport:
    return flush_folder(folder, uploader)


def test_items_that_a_server_postpones_wait_for_the_next_flush(tmp_path: Path, items: list[QueuedItem]) -> None:
    write_whole(tmp_path / "00000000000000000001-1-a.jsonl", items)

    report = _flushed(tmp_path, _Uploads(**{items[1].id: "postponed"}))

    assert (report.runs_sent, report.kept, report.refused) == (2, 1, 0)
    assert [item.id for item in spooled_items(tmp_path)] == [items[1].id]
    assert _flushed(tmp_path, _Uploads()).runs_sent == 1
    assert list(spooled_items(tmp_path)) == []


def test_items_that_a_server_refuses_wait_and_are_set_aside_after_five_times(
    tmp_path: Path, items: list[QueuedItem]
) -> None:
    write_whole(tmp_path / "00000000000000000001-1-a.jsonl", items)
    refuses = _Uploads(**{items[0].id: "refused"})

    reports = [_flushed(tmp_path, refuses) for _ in range(6)]

    assert [(report.refused, report.put_aside) for report in reports] == [(1, 0)] * 5 + [(0, 1)]
    assert list(spooled_items(tmp_path)) == []
    assert [item.id for item in spooled_items(tmp_path / "refused")] == [items[0].id]
