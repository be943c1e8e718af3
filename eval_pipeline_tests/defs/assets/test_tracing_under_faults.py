"""A run of the whole job while the server that takes traces misbehaves: not failed, not slowed, nothing lost.

`EVAL_PIPELINE_TEST_CASES` sets how many cases there are: 60 by default, so that the tests stay short; 500 shows it at
the size it is promised for.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.result_log import read_results
from eval_pipeline.tracing.send.flush import flush_spool
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.many_cases import ActsAt, case_ids, write_many_cases
from eval_pipeline_tests.defs.assets.seen import checks_of, experiments_at, metadata_of, rows_at
from eval_pipeline_tests.recorder.own_process import RecorderProcess

CASES = case_ids(int(os.environ.get("EVAL_PIPELINE_TEST_CASES", "60")))
FEW = case_ids(12)

FAULTS = {
    "slow": Fault(delay_s=8, times=None, path="multipart"),
    "hanging": Fault(delay_s=8, times=None),
    "429": Fault(status=429, retry_after_s=2, times=None, path="multipart"),
    "500": Fault(status=500, times=None),
    "503 for runs": Fault(status=503, times=None, path="multipart"),
    "413": Fault(status=413, times=None, path="multipart"),
    "422 for each": Fault(status=422, times=None, path="multipart"),
    "broken before it is handled": Fault(drop="request", times=None, path="multipart"),
    "broken before the answer": Fault(drop="reply", times=None, path="multipart"),
    "half an answer": Fault(drop="half", times=None, path="multipart"),
}


def _langsmith(url: str, folder: Path, **given: Any) -> LangSmithResource:
    return LangSmithResource(
        mode="recorder",
        tracing_enabled=True,
        recorder_url=url,
        spool_folder=str(folder / "spool"),
        upload_interval_seconds=0.05,
        **given,
    )


@pytest.fixture
def many(tmp_path: Path) -> Iterator[DagsterProject]:
    folder = write_many_cases(tmp_path / "many", len(CASES))
    with dagster_instance(tmp_path) as instance:
        project = DagsterProject(folder=folder, suite="many", instance=instance, store_root=tmp_path / "store")
        project.register(CASES)
        yield project


def _passed(project: DagsterProject, experiment: str) -> list[str]:
    rows = read_results(project.store, "many", experiment, columns=["status"]).to_pylist()
    return [row["case_id"] for row in rows if row["status"] == "passed"]


def _numbers(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in check.metadata.items()}


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "undisturbed"])
def test_a_recorder_that_is_killed_mid_run_and_restarted_has_every_row_once(
    many: DagsterProject,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    killed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    with RecorderProcess(tmp_path / "recorder.sqlite") as recorder:

        def kill_and_restart() -> None:
            recorder.kill()
            recorder.start(wait=False)

        langsmith = _langsmith(recorder.url, tmp_path)
        actions = {len(CASES) // 2: kill_and_restart} if killed else {}
        project = replace(many, langsmith=langsmith, progress=ActsAt(actions=actions))
        began = time.monotonic()
        result = project.run(CASES[0], CASES[-1])
        record_property("wall_s", round(time.monotonic() - began, 2))
        recorder.wait()
        flush_spool(langsmith.settings())

        assert result.success
        experiment = metadata_of(result, "experiment")
        assert experiment["langsmith/runs_dropped"] == 0
        assert _passed(many, experiment["eval/experiment"]) == CASES
        assert rows_at(recorder.url) == CASES
        assert experiments_at(recorder.url) == [experiment["eval/experiment"]]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_fault_fails_a_run_or_loses_a_row(many: DagsterProject, tmp_path: Path, fault: Fault) -> None:
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as server:
        langsmith = _langsmith(server.url, tmp_path, upload_batch_size=8, request_timeout_seconds=2.0)
        server.faults.add(fault)
        result = replace(many, langsmith=langsmith).run(FEW[0], FEW[-1])
        server.faults.clear()

        assert result.success
        assert server.faults.fired
        experiment = metadata_of(result, "experiment")
        sent, spooled, dropped = (experiment[f"langsmith/runs_{name}"] for name in ("sent", "spooled", "dropped"))
        assert (sent + spooled > len(FEW), spooled > 0, dropped) == (True, True, 0)
        check = checks_of(result)["traces_complete"]
        numbers = _numbers(check)
        assert not check.passed
        assert (numbers["rows_expected"], numbers["runs_sent"], numbers["runs_spooled"], numbers["runs_dropped"]) == (
            len(FEW),
            sent,
            spooled,
            dropped,
        )
        assert _passed(many, experiment["eval/experiment"]) == FEW
        (report,) = flush_spool(_langsmith(server.url, tmp_path).settings())
        assert not report.kept
        assert rows_at(server.url) == FEW
        assert experiments_at(server.url) == [experiment["eval/experiment"]]


def test_a_server_that_hangs_is_waited_for_once_and_not_by_every_step(many: DagsterProject, tmp_path: Path) -> None:
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as server:
        langsmith = _langsmith(server.url, tmp_path, request_timeout_seconds=2.0)
        server.faults.add(Fault(delay_s=60, times=None))

        result = replace(many, langsmith=langsmith).run(FEW[0], FEW[-1])

        assert result.success
        asked = [what for what, _ in server.faults.fired]
        assert len(asked) <= 3, asked
        server.faults.clear()
        flush_spool(langsmith.settings())
        assert rows_at(server.url) == FEW


def test_one_run_that_is_refused_costs_no_other_its_row(many: DagsterProject, tmp_path: Path) -> None:
    agent = many.folder / "agent.py"
    # Words, as a long run of letters can hold what looks like a key, from where on it would be redacted.
    words = "' '.join(''.join(random.choices(string.ascii_letters, k=8)) for _ in range(50_000))"
    hard_to_compress = f"{words} if FEW_LAST in message else message"
    text = agent.read_text().replace("return message", f"return {hard_to_compress}")
    agent.write_text(f"import random, string\nFEW_LAST = {FEW[-1]!r}\n{text}")
    config = RecorderConfig(max_request_bytes=100_000)
    with RecorderServer(db_path=tmp_path / "recorder.sqlite", config=config) as server:
        langsmith = _langsmith(server.url, tmp_path)

        result = replace(many, langsmith=langsmith).run(FEW[0], FEW[-1])

        experiment = metadata_of(result, "experiment")
        assert result.success
        assert experiment["langsmith/runs_spooled"] > 0
        assert not checks_of(result)["traces_complete"].passed
        assert rows_at(server.url) == FEW[:-1]
