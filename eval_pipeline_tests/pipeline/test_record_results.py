"""The writer of results: durable before reported, off the evaluation's loop, and nothing finished is lost."""

import asyncio
import contextlib
import sys
import threading
from pathlib import Path

import pytest

from eval_pipeline.errors import TransientError
from eval_pipeline.evaluation.interpreter import SWITCH_SECONDS
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.results.result_log import ResultLog, read_results
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result


def _log(store: LocalStore) -> ResultLog:
    return ResultLog(store, suite="s", experiment="e", writer="r")


def test_a_case_is_reported_when_all_its_attempts_are_durable(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    reported: list[tuple[str, int, int]] = []

    def report(results: object) -> None:
        assert isinstance(results, list)
        reported.extend((case[0].case_id, len(case), read_results(store, "s", "e").num_rows) for case in results)

    async def add_all(recorder: ResultRecorder) -> None:
        for attempt in (2, 1):
            for case_id in ("a", "b"):
                await recorder.add(a_result(case_id, attempt=attempt))

    with ResultRecorder(_log(store), attempts={"a": 2, "b": 3}, report=report) as recorder:
        asyncio.run(add_all(recorder))

    assert reported == [("a", 2, 4)]
    assert read_results(store, "s", "e").num_rows == 4


def test_a_slow_writer_does_not_hold_the_loop(tmp_path: Path) -> None:
    all_taken = threading.Event()

    class SlowLog(ResultLog):
        def append(self, results: object) -> str:
            assert isinstance(results, list)
            if not all_taken.wait(timeout=120.0):
                raise TimeoutError("the loop waited for the writer")
            return super().append(results)

    async def add_all(recorder: ResultRecorder) -> None:
        for number in range(600):
            await recorder.add(a_result(f"c{number}"))
        all_taken.set()

    log = SlowLog(LocalStore(tmp_path), suite="s", experiment="e", writer="r")
    reported: list[object] = []
    with ResultRecorder(log, attempts={f"c{n}": 1 for n in range(600)}, report=reported.extend) as recorder:
        asyncio.run(add_all(recorder))

    assert len(reported) == 600


def test_the_future_of_a_result_is_done_when_it_is_durable(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    async def keep_one(recorder: ResultRecorder) -> list[str]:
        await recorder.keep(a_result("a"))
        case_ids: list[str] = read_results(store, "s", "e").column("case_id").to_pylist()
        return case_ids

    with ResultRecorder(_log(store), attempts={"a": 1}, report=lambda _: None) as recorder:
        assert asyncio.run(keep_one(recorder)) == ["a"]


def test_a_loop_that_has_ended_is_no_harm(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    async def keep_and_leave(recorder: ResultRecorder) -> None:
        recorder.keep(a_result("a"))

    with ResultRecorder(_log(store), attempts={"a": 1}, report=lambda _: None) as recorder:
        asyncio.run(keep_and_leave(recorder))

    assert read_results(store, "s", "e").num_rows == 1


def test_what_goes_wrong_while_writing_is_raised_where_results_come_from(tmp_path: Path) -> None:
    class FullLog(ResultLog):
        def append(self, results: object) -> str:
            del results
            raise TransientError("the disk is full", fix="make room")

    log = FullLog(LocalStore(tmp_path), suite="s", experiment="e", writer="r")

    recorder = ResultRecorder(log, attempts={"a": 1}, report=lambda _: None)
    with pytest.raises(TransientError, match="the disk is full"), recorder:
        asyncio.run(recorder.add(a_result("a")))


def test_an_error_of_the_evaluation_keeps_what_was_finished(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    async def add_one(recorder: ResultRecorder) -> None:
        await recorder.add(a_result("a"))
        raise TransientError("the model is down", fix="wait")

    recorder = ResultRecorder(_log(store), attempts={"a": 1}, report=lambda _: None)
    with pytest.raises(TransientError, match="the model is down"), recorder:
        asyncio.run(add_one(recorder))

    assert read_results(store, "s", "e").column("case_id").to_pylist() == ["a"]


def test_other_threads_get_their_turn_sooner_while_results_are_recorded(tmp_path: Path) -> None:
    before = sys.getswitchinterval()
    with ResultRecorder(_log(LocalStore(tmp_path)), attempts={}, report=lambda _: None):
        assert sys.getswitchinterval() <= SWITCH_SECONDS + 1e-9
    assert sys.getswitchinterval() == before


def test_two_that_record_at_once_leave_the_turns_as_they_were_whichever_ends_first(tmp_path: Path) -> None:
    before = sys.getswitchinterval()
    first = ResultRecorder(_log(LocalStore(tmp_path / "a")), attempts={}, report=lambda _: None)
    with contextlib.ExitStack() as ends_last:
        with first:
            second = ResultRecorder(_log(LocalStore(tmp_path / "b")), attempts={}, report=lambda _: None)
            ends_last.enter_context(second)
        assert sys.getswitchinterval() <= SWITCH_SECONDS + 1e-9
    assert sys.getswitchinterval() == before
