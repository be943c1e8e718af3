"""The spool under crashes, several flushers, forks; and the terminal's view of it."""

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from eval_pipeline.cli.langsmith.traces import traces as traces_command
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send.flush import flush_folder, flush_spool, spool_folder
from eval_pipeline.tracing.send.queued_item import QueuedItem, read_line, run_item
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.send.spool import Spool, claim_segments, status_of
from eval_pipeline.tracing.send.uploader import Uploader, UploadResult
from eval_pipeline_tests.tracing.sample_runs import a_score, a_trace, recorded_feedback, recorded_ids
from eval_pipeline_tests.warm_processes import CODE, run_warm, start_warm

MakeSettings = Callable[..., LangSmithSettings]


def run_items(traces: int) -> list[QueuedItem]:
    return [run_item(run, graft=False, redactor=Redactor()) for _ in range(traces) for run in a_trace()]


def fill(settings: LangSmithSettings, traces: int, *, files: int = 1) -> list[str]:
    """Spool so many traces in each of so many sealed files; their ids."""
    spool = Spool(spool_folder(settings, "recorder"), max_bytes=10**9)
    ids = []
    for _ in range(files):
        some = run_items(traces)
        assert spool.append(some) == len(some)
        spool.seal()
        ids += [item.id for item in some]
    return sorted(ids)


def test_an_item_is_read_back_from_its_line() -> None:
    for item in run_items(2):
        assert read_line(item.line()) == item


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"kind":"run"}', b"null", b'{"kind":"run","head":3}'])
def test_text_that_is_not_a_line_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_line(line)


def test_a_torn_last_line_costs_nothing_but_itself(server: RecorderServer, make_settings: MakeSettings) -> None:
    settings = make_settings()
    ids = fill(settings, 3)
    (segment,) = claim_segments(spool_folder(settings, "recorder"))
    with segment.path.open("ab") as file:
        file.write(run_items(1)[0].line()[:100])
    flush_spool(settings)
    assert sorted(recorded_ids(server)) == ids
    assert status_of(spool_folder(settings, "recorder")).files == 0


def test_a_living_process_keeps_its_open_segment_and_a_dead_ones_is_taken(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    spool = Spool(spool_folder(settings, "recorder"), max_bytes=10**9)
    spool.append(run_items(1))
    assert flush_spool(settings)[0].runs_sent == 0
    # Closing the file is what a dead process's kernel does.
    spool.abandon()
    assert flush_spool(settings)[0].runs_sent == 3
    assert len(recorded_ids(server)) == 3


def test_a_flush_that_dies_midway_is_repeated_without_doubling(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    ids = fill(settings, 2, files=3)

    class DyingUploader(Uploader):
        def upload(self, items: object) -> UploadResult:
            super().upload(items)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    connection = Connection(settings.destinations[0], settings)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            flush_folder(spool_folder(settings, "recorder"), DyingUploader(connection, batch_size=4))
    connection.close()
    assert len(recorded_ids(server)) == 6
    report = flush_spool(settings)[0]
    assert (report.runs_sent, report.kept) == (18, 0)
    assert sorted(recorded_ids(server)) == ids


def test_two_flushers_at_once_send_everything_once(server: RecorderServer, make_settings: MakeSettings) -> None:
    settings = make_settings()
    ids = fill(settings, 10, files=5)
    begin = threading.Barrier(4)

    def one_flush(_: int) -> int:
        begin.wait()
        return flush_spool(settings)[0].runs_sent

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one_flush, range(4))) == 150
    assert sorted(recorded_ids(server)) == ids


def test_while_one_flushes_another_says_so(make_settings: MakeSettings) -> None:
    settings = make_settings()
    fill(settings, 1)
    seen = []

    class NestedUploader(Uploader):
        def upload(self, items: object) -> UploadResult:
            seen.append(flush_spool(settings)[0].busy)
            return super().upload(items)  # type: ignore[arg-type]

    connection = Connection(settings.destinations[0], settings)
    flush_folder(spool_folder(settings, "recorder"), NestedUploader(connection, batch_size=100))
    connection.close()
    assert seen == [True]


def test_what_a_failing_server_left_is_kept_and_the_rest_gone(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings(upload_batch_size=3)
    ids = fill(settings, 4)
    server.faults.add(Fault(path="multipart", delay_s=0))
    server.faults.add(Fault(path="multipart", status=503))
    report = flush_spool(settings)[0]
    assert (report.runs_sent, report.kept) == (3, 9)
    assert flush_spool(settings)[0].runs_sent == 9
    assert sorted(recorded_ids(server)) == ids


def test_a_score_of_what_is_not_there_holds_nothing_up(server: RecorderServer, make_settings: MakeSettings) -> None:
    settings = make_settings()
    sender = SpoolingSender(settings)
    server.faults.add(Fault(status=404, path="/feedback", times=None))
    sender.send_feedback([{"session_id": "00000000-0000-4000-8000-000000000001", "key": "pass_rate", "id": "x"}])
    sender.flush(1)
    sender.send_runs(a_trace())
    counts = sender.close(2)
    assert (counts.runs_sent, counts.feedback_spooled) == (3, 1)
    assert len(recorded_ids(server)) == 3


def test_a_flush_ends_when_its_time_is_up(server: RecorderServer, make_settings: MakeSettings) -> None:
    sender = SpoolingSender(make_settings(upload_batch_size=3))
    server.faults.add(Fault(status=503, times=1, path="multipart"))
    for _ in range(20):
        sender.send_runs(a_trace())
    sender.flush(0.01)
    server.faults.add(Fault(delay_s=0.3, times=None, path="multipart"))
    began = time.monotonic()
    counts = sender.flush(0.5)
    assert time.monotonic() - began < 1.5
    assert counts.runs_sent + counts.runs_spooled + counts.runs_waiting == 60
    server.faults.clear()
    sender.close(5)
    assert len(recorded_ids(server)) == 60


def test_spool_files_are_the_owners_alone(make_settings: MakeSettings) -> None:
    settings = make_settings()
    fill(settings, 1)
    (segment,) = claim_segments(spool_folder(settings, "recorder"))
    assert segment.path.stat().st_mode & 0o077 == 0


FORKING = textwrap.dedent("""
    import os, sys, warnings
    from eval_pipeline.tracing.send.sender import SpoolingSender
    from eval_pipeline.settings import LangSmithSettings
    from eval_pipeline_tests.tracing.sample_runs import a_trace

    warnings.simplefilter("error")
    settings = LangSmithSettings(recorder_url=sys.argv[1], spool_folder=sys.argv[2])
    sender = SpoolingSender(settings)
    sender.send_runs(a_trace())            # the parent's writer thread runs, and something may be under way
    child = os.fork()
    sender.send_runs(a_trace())
    counts = sender.flush(5)
    assert counts.runs_sent == (6 if child else 3), counts
    if not child:
        os._exit(0)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
""")


def test_a_forked_worker_traces_and_leaves_its_parents_traces_alone(server: RecorderServer, tmp_path: Path) -> None:
    done = run_warm(CODE, FORKING, server.url, tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(recorded_ids(server)) == 9


def test_a_process_that_just_ends_has_sent_or_spooled_everything(server: RecorderServer, tmp_path: Path) -> None:
    code = FORKING.split("child =")[0]
    subprocess.run(
        [sys.executable, "-c", code, server.url, str(tmp_path)],
        check=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert len(recorded_ids(server)) == 3


def test_a_recorder_that_is_restarted_midway_has_everything_in_the_end(tmp_path: Path, port: int) -> None:
    settings = LangSmithSettings(spool_folder=tmp_path / "spool", upload_interval_seconds=0.02)
    server = RecorderServer(port=port, db_path=tmp_path / "recorder.sqlite").start()
    settings = settings.model_copy(update={"recorder_url": server.url})
    sender = SpoolingSender(settings)
    ids = []
    for number in range(500):
        if number == 200:
            server.stop()
        if number == 350:
            server.start()
        trace = a_trace()
        ids += [run["id"] for run in trace]
        sender.send_runs(trace)
        sender.send_feedback([a_score(trace[0])])
    counts = sender.close(10)
    assert (counts.runs_sent, counts.runs_spooled, counts.runs_dropped) == (1500, 0, 0)
    assert sorted(recorded_ids(server)) == sorted(ids)
    assert len(recorded_feedback(server)) == 500
    server.stop()


def test_a_secret_in_any_field_is_nowhere_in_the_recorder_nor_in_the_spool(tmp_path: Path) -> None:
    settings = LangSmithSettings(spool_folder=tmp_path / "spool", upload_interval_seconds=0.02)
    server = RecorderServer(db_path=tmp_path / "recorder.sqlite").start()
    settings = settings.model_copy(update={"recorder_url": server.url})
    secret, mail = "sk-proj-abcdefghijklmnop0123456789", "ann@example.com"
    planted = {"text": f"{secret} of {mail}", "password": "hunter2hunter2"}
    fields: dict[str, Any] = {
        "inputs": planted,
        "outputs": planted,
        "error": f"failed for {mail} with {secret}",
        "extra": {"metadata": {"note": planted}},
        "tags": [mail],
        "name": f"step of {mail}",
        "events": [{"name": "x", "text": secret}],
    }
    sender = SpoolingSender(settings)
    for down in (False, True):
        if down:
            server.faults.add(Fault(status=503, times=None))
        trace = a_trace(**fields)
        sender.send_runs(trace)
        sender.send_feedback([{**a_score(trace[0]), "comment": f"judged for {mail}: {secret}", "value": mail}])
        sender.flush(1)
    assert sender.close(0.5).runs_spooled == 3
    server.stop()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    assert len(files) > 1
    assert b"redacted:email" in content
    for needle in (secret, mail, "hunter2hunter2"):
        assert needle.encode() not in content
    assert mail not in json.dumps(_stored(tmp_path / "recorder.sqlite"))


def _stored(path: Path) -> list[dict[str, object]]:
    """Payloads may be compressed in the file; read them through the recorder."""
    with RecorderServer(db_path=path) as server:
        ids = recorded_ids(server)
        assert len(ids) == 3
        return [server.recorder.runs.get(identity) for identity in ids]


def test_the_terminal_shows_and_sends_what_waits(
    server: RecorderServer, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings()
    fill(settings, 2)
    for name in ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", server.url)
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(settings.spool_folder))
    runner = CliRunner()
    assert "recorder: 1 file" in runner.invoke(traces_command, ["status"]).output
    assert runner.invoke(traces_command, ["flush"]).output == "recorder: 6 runs and 0 scores sent\n"
    assert "recorder: 0 files" in runner.invoke(traces_command, ["status"]).output
    server.faults.add(Fault(status=503, times=None))
    fill(settings, 1)
    assert "3 kept for the next attempt" in runner.invoke(traces_command, ["flush"]).output


SENDING = FORKING.split("warnings.simplefilter")[0] + textwrap.dedent("""
    sender = SpoolingSender(LangSmithSettings(recorder_url=sys.argv[1], spool_folder=sys.argv[2]))
    for _ in range(50):
        sender.send_runs(a_trace())
    sender.close()
""")


def test_two_processes_share_a_spool_folder(server: RecorderServer, tmp_path: Path) -> None:
    server.faults.add(Fault(status=503, times=6))
    processes = [
        start_warm(CODE, SENDING, server.url, tmp_path / "spool", folder=tmp_path, stderr=tmp_path / f"log-{number}")
        for number in range(2)
    ]
    for number, process in enumerate(processes):
        assert process.wait(timeout=60) == 0, (tmp_path / f"log-{number}").read_text()
    server.faults.clear()
    flush_spool(LangSmithSettings(recorder_url=server.url, spool_folder=tmp_path / "spool"))
    assert len(recorded_ids(server)) == 300
