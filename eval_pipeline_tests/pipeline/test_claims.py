"""One run evaluates a case at a time, on whichever host; one that is gone is taken over, and writes no more rows."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eval_pipeline.errors import PermanentError
from eval_pipeline.pipeline import claims
from eval_pipeline.pipeline.claims import CaseClaim, claim_cases
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.result_log import ResultLog, read_all_rows
from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.s3 import S3Store
from eval_pipeline.store.store import Store
from eval_pipeline_tests.analysis.rows import a_result
from eval_pipeline_tests.s3_servers import moto_server

CLAIMS = "experiments/s/e/owners/"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Callable[[], Store]]:
    with moto_server() as server:
        yield lambda: S3Store(server.client(), bucket=server.bucket())


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(claims, "LOST_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(claims, "HEARTBEAT_SECONDS", 0.01)
    if request.param == "local":
        return LocalStore(tmp_path)
    opened: Store = request.getfixturevalue("bucket")()
    return opened


def claimed(store: Store, run_id: str, cases: str = "abc") -> CaseClaim:
    return claim_cases(store, "s", "e", run_id=run_id, cases=cases)


def silent(store: Store, *, host: str = "elsewhere", process: int = 1) -> CaseClaim:
    """The claim of a run that wrote one heartbeat."""
    claim = claimed(store, "silent")
    store.put(f"{CLAIMS}{claim.number:06d}/silent/beat", f"{host} {process} x".encode())
    return claim


def log_of(store: Store, claim: CaseClaim) -> ResultLog:
    """The log of a run under its claim, as `begin_run` opens it."""
    return claim.log(order=ResultLogView.open(store, "s", "e").next_order)


def written(store: Store) -> list[str]:
    return sorted(read_all_rows(store, "s", "e", columns=["status"]).column("case_id").to_pylist())


def test_another_run_is_refused_one_of_the_cases_while_they_are_evaluated(store: Store) -> None:
    with claimed(store, "r1", "ab"):
        with pytest.raises(PermanentError, match="another run is evaluating cases of e"):
            claimed(store, "r2", "bc")
        with claimed(store, "r3", "cd"):
            pass


def test_a_run_that_has_ended_is_followed_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LOST_AFTER_SECONDS", 1e9)
    with claimed(store, "r1"):
        pass
    assert claimed(store, "r2").number == 2


def test_a_run_without_a_sign_of_life_is_taken_over_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    silent(store)
    with claimed(store, "r2") as claim:
        assert claim.number == 2
    monkeypatch.setattr(claims, "LOST_AFTER_SECONDS", 1e9)
    assert claimed(store, "r3").number == 3


def test_a_process_of_this_machine_that_is_gone_is_taken_over_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LOST_AFTER_SECONDS", 1e9)
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    silent(store, host=claims.this_machine(), process=process.pid)
    assert claimed(store, "r2").number == 2


def test_a_run_that_was_taken_over_writes_no_more_rows(store: Store) -> None:
    suspended = silent(store)
    log = log_of(store, suspended)
    log.keep([a_result("a")])
    log.keep([a_result("b")])
    claimed(store, "r2")
    view = ResultLogView.open(store, "s", "e")
    for _ in range(2):
        with pytest.raises(PermanentError, match="another run has taken over"):
            log.keep([a_result("c")])
    log.close()
    assert written(store) == ["a", "b"]
    assert {case_id for case_id, _ in view.finished} == {"a", "b"}


@pytest.mark.parametrize("same_run", [True, False], ids=["resumed-run", "other-run"])
def test_a_run_that_stalls_before_its_first_row_writes_none(store: Store, *, same_run: bool) -> None:
    """Also if it opens the log after it was taken over, and finds what the other run wrote there."""
    stalled = silent(store)
    later = claimed(store, "silent" if same_run else "other")
    log_of(store, later).keep([a_result("a")])
    with pytest.raises(PermanentError, match="another run has taken over"):
        log_of(store, stalled).keep([a_result("a")])
    assert written(store) == ["a"]


def test_runs_that_begin_at_once_are_ordered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its look at the claims and its own, another run claims the same case."""
    put = type(store).put_if_absent
    raced: list[str] = []

    def racing(self: Store, key: str, data: bytes) -> bool:
        if not raced:
            raced.append(key)
            claimed(store, "faster").__enter__()
        return put(self, key, data)

    monkeypatch.setattr(type(store), "put_if_absent", racing)
    with pytest.raises(PermanentError, match="another run is evaluating"):
        claimed(store, "slower")


def test_a_claim_of_a_version_before_is_on_every_case(store: Store) -> None:
    store.put(f"{CLAIMS}000001.json", b'{"owner": "launch", "host": "h", "process": 7}')
    store.put(f"{CLAIMS}000001/r1/beat", b"elsewhere 7 x")
    assert claimed(store, "r2").number == 2
    store.put(f"{CLAIMS}000003.json", b'{"owner": "launch", "host": "h", "process": 7}')
    store.put(f"{CLAIMS}000003/r1/ended", b"")
    assert claimed(store, "r2", "z").number == 4


def test_a_claim_that_cannot_be_read_is_reported(store: Store) -> None:
    store.put(f"{CLAIMS}000001.json", b"{")
    with pytest.raises(PermanentError, match="cannot be read as a claim on cases"):
        claimed(store, "r2")
