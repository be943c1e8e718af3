"""The spool on a disk without room: what was written whole stays, and what comes when there is room again is kept."""

from pathlib import Path

from eval_pipeline.tracing.send.queued_item import QueuedItem, request_item
from eval_pipeline.tracing.send.spool import Spool, claim_segments, keep_requests, why_not_writable
from eval_pipeline_tests.small_disk import small_disk


def _requests(first: int, count: int, size: int) -> list[QueuedItem]:
    return [request_item("POST", f"/{number}", {"text": "x" * size}) for number in range(first, first + count)]


def test_what_did_not_fit_is_reported_and_does_not_spoil_what_comes_later(tmp_path: Path) -> None:
    with small_disk(tmp_path / "spool", megabytes=1) as disk:
        spool = Spool(disk.folder, max_bytes=1 << 30)
        kept = spool.append(_requests(0, 20, 100_000))
        assert 0 < kept < 20
        assert spool.append(_requests(20, 1, 100_000)) == 0

        segments = claim_segments(disk.folder)
        assert sum(len(list(segment.items())) for segment in segments) == kept
        for segment in segments:
            segment.keep([])
        assert spool.append(_requests(30, 3, 10)) == 3
        spool.seal()
        (later,) = claim_segments(disk.folder)
        assert len(list(later.items())) == 3


def test_requests_are_kept_all_or_none(tmp_path: Path) -> None:
    with small_disk(tmp_path / "spool", megabytes=1) as disk:
        assert not keep_requests(disk.folder, _requests(0, 20, 100_000))
        assert list(disk.folder.iterdir()) == []
        assert keep_requests(disk.folder, _requests(0, 2, 100_000))
        (segment,) = claim_segments(disk.folder)
        assert len(list(segment.items())) == 2


def test_a_folder_that_takes_nothing_says_why(tmp_path: Path) -> None:
    with small_disk(tmp_path / "spool") as disk:
        assert why_not_writable(disk.folder / "recorder") is None
        disk.fill()
        assert why_not_writable(disk.folder / "recorder") == "No space left on device"
        disk.write_protect()
        assert why_not_writable(disk.folder / "recorder") == "Read-only file system"
