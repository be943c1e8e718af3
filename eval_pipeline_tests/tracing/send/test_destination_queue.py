"""The queue of one destination loses nothing, whichever threads fill, drain, flush and close it at once."""

import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send import destination_sender
from eval_pipeline.tracing.send.destination_queue import DestinationQueue
from eval_pipeline.tracing.send.destination_sender import DestinationSender
from eval_pipeline.tracing.send.queued_item import PendingItem, QueuedItem
from eval_pipeline.tracing.send.spool import Spool
from eval_pipeline.tracing.send.uploader import Uploader, UploadResult

THREADS = 8
RUN = PendingItem(kind="run", body={"id": "r", "trace_id": "t"}, graft=False)
SERIALIZED = QueuedItem(kind="run", id="r", trace_id="t", graft=False, head={}, payload={})


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let threads take turns five hundred times as often as by default."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


class Arrived:
    """Counts what is uploaded and what is spooled, in place of a server and a disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lock = threading.Lock()
        self.uploaded = self.spooled = 0
        monkeypatch.setattr(Uploader, "upload", lambda _self, items: self.upload(items))
        monkeypatch.setattr(Spool, "append", lambda _self, items, **_: self.spool(items))
        monkeypatch.setattr(destination_sender, "serialize", lambda batch, _redactor: [SERIALIZED] * len(batch))

    def upload(self, items: Sequence[QueuedItem]) -> UploadResult:
        with self._lock:
            self.uploaded += len(items)
        return UploadResult(sent=list(items))

    def spool(self, items: Sequence[QueuedItem]) -> int:
        with self._lock:
            self.spooled += len(items)
        return len(items)


def a_sender(folder: Path, *, async_upload: bool, max_queue_size: int = 10_000) -> DestinationSender:
    settings = LangSmithSettings(async_upload=async_upload, spool_folder=folder, max_queue_size=max_queue_size)
    return DestinationSender(Connection(settings.destinations[0], settings), settings, Redactor(enabled=False))


def hand_over(sender: DestinationSender, times: int) -> list[threading.Thread]:
    def put() -> None:
        for _ in range(times):
            sender.put([RUN] * 10)

    threads = [threading.Thread(target=put) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.parametrize("async_upload", [False, True])
def test_eight_threads_hand_over_while_another_flushes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, async_upload: bool
) -> None:
    arrived, sender = Arrived(monkeypatch), a_sender(tmp_path, async_upload=async_upload, max_queue_size=1_000)
    threads = hand_over(sender, 250)
    while any(thread.is_alive() for thread in threads):
        sender.flush(0.0001)
    counts = sender.close(5)
    assert counts.runs_enqueued == 10 * 250 * THREADS
    assert counts.runs_waiting == 0
    assert (counts.runs_sent, counts.runs_spooled) == (arrived.uploaded, arrived.spooled)


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.parametrize("async_upload", [False, True])
def test_what_is_handed_over_while_the_sender_closes_is_sent_or_spooled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, async_upload: bool
) -> None:
    arrived, sender = Arrived(monkeypatch), a_sender(tmp_path, async_upload=async_upload)
    threads = hand_over(sender, 250)
    sender.close(0.001)
    for thread in threads:
        thread.join()
    counts = sender.counts
    assert counts.runs_enqueued == 10 * 250 * THREADS
    assert counts.runs_waiting == 0
    assert arrived.uploaded + arrived.spooled >= counts.runs_enqueued


def test_of_uploader_and_closer_one_decides_what_becomes_of_a_batch() -> None:
    queue = DestinationQueue(max_size=10, batch_size=1)
    queue.put([RUN])
    assert queue.take() == [RUN]
    assert queue.close() == ([], [RUN])
    assert not queue.claim_result([SERIALIZED], [])
    assert queue.counts.runs_sent == 0


def test_a_closed_queue_takes_nothing_and_gives_nothing() -> None:
    queue = DestinationQueue(max_size=10, batch_size=1)
    queue.close()
    assert queue.put([RUN]) == [RUN]
    assert queue.take() == []
    assert queue.take_when_due(1, timeout_s=0) is None


def test_a_queue_is_not_empty_while_a_batch_is_being_spooled() -> None:
    queue = DestinationQueue(max_size=10, batch_size=1)
    queue.put([RUN])
    queue.take()
    assert queue.claim_result([], [])
    assert not queue.wait_until_empty(0)
    queue.finish()
    assert queue.wait_until_empty(0)
