"""The spool on a disk without room: what was written whole stays, and what comes when there is room again is kept."""

from pathlib import Path

from eval_pipeline.tracing.parcel import Parcel, request_parcel
from eval_pipeline.tracing.spool import Spool, claim_segments
from eval_pipeline_tests.small_disk import small_disk


def _parcels(first: int, count: int, size: int) -> list[Parcel]:
    return [request_parcel("POST", f"/{number}", {"text": "x" * size}) for number in range(first, first + count)]


def test_what_did_not_fit_is_told_and_does_not_spoil_what_comes_later(tmp_path: Path) -> None:
    with small_disk(tmp_path / "spool", megabytes=1) as disk:
        spool = Spool(disk.folder, max_bytes=1 << 30)
        kept = spool.append(_parcels(0, 20, 100_000))
        assert 0 < kept < 20
        assert spool.append(_parcels(20, 1, 100_000)) == 0

        segments = claim_segments(disk.folder)
        assert sum(len(list(segment.parcels())) for segment in segments) == kept
        for segment in segments:
            segment.keep([])
        assert spool.append(_parcels(30, 3, 10)) == 3
        spool.seal()
        (later,) = claim_segments(disk.folder)
        assert len(list(later.parcels())) == 3
