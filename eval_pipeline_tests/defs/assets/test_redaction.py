"""Nothing that was planted is anywhere that a run writes to or says something."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.result_log import read_results
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.pages import every_page
from eval_pipeline_tests.defs.assets.planted import ALL, found_in, leaks, write_planted_suite

CASES = ["raised", "replied"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecorderServer]:
    config = RecorderConfig(journal_bytes=10_000_000)
    with RecorderServer(db_path=tmp_path / "kept" / "recorder.sqlite", config=config) as running:
        yield running


def _project(
    tmp_path: Path, server: RecorderServer, instance: dg.DagsterInstance, folder: Path, **changed: Any
) -> DagsterProject:
    langsmith = LangSmithResource(
        mode="recorder",
        tracing_enabled=True,
        recorder_url=server.url,
        spool_folder=str(tmp_path / "kept" / "spool"),
        upload_interval_seconds=0.05,
        **changed,
    )
    project = DagsterProject(
        folder=folder, suite="planted", instance=instance, store_root=tmp_path / "kept" / "store", langsmith=langsmith
    )
    project.register(CASES)
    return project


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where everything is written that a run writes."""
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def test_what_was_planted_is_neither_stored_nor_sent_nor_logged_nor_shown(
    tmp_path: Path,
    kept: Path,
    server: RecorderServer,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with dagster_instance(kept, compute_logs=True) as instance:
        project = _project(tmp_path, server, instance, write_planted_suite(tmp_path / "suite"))
        result = project.run("raised", "replied")
        pages = "\n".join(every_page(server.url).values())

    assert result.success
    rows = {row["case_id"]: row for row in read_results(project.store, "planted", _experiment(result)).to_pylist()}
    assert {case_id: row["status"] for case_id, row in rows.items()} == {"raised": "error", "replied": "error"}
    # The agent saw the true input: it asserts so.
    assert "AssertionError" not in str(rows["replied"]["error"])
    assert rows["replied"]["turns"][0]["response"].startswith("Hello [redacted:api_key]")
    server.stop()
    assert list(leaks(kept)) == []
    out, err = capfd.readouterr()
    assert found_in(out + err + caplog.text) == []
    assert found_in(pages) == []
    assert "[redacted:email]" in pages


@pytest.mark.parametrize("asset", ["tables", "documents"])
def test_what_a_source_raises_is_reported_without_what_was_planted(
    asset: str, tmp_path: Path, kept: Path, server: RecorderServer, capfd: pytest.CaptureFixture[str]
) -> None:
    source = {"python": "agent.py:unreadable"}
    context = {"tables": {"broken": source}} if asset == "tables" else {"documents": {"source": source}}
    with dagster_instance(kept, compute_logs=True) as instance:
        folder = write_planted_suite(tmp_path / "suite", context=context)
        result = _project(tmp_path, server, instance, folder).run("raised", "replied")

    (failure,) = result.get_step_failure_events()
    assert "no rows for [redacted:api_key]" in str(failure.step_failure_data.error)
    assert list(leaks(kept)) == []
    assert found_in("".join(capfd.readouterr())) == []


def test_tables_that_need_true_values_keep_them_and_nothing_else_does(
    tmp_path: Path, kept: Path, server: RecorderServer
) -> None:
    context = {"tables": {"customers": {"file": "customers.csv", "key": "mail", "redact": False}}}
    with dagster_instance(kept, compute_logs=True) as instance:
        project = _project(tmp_path, server, instance, write_planted_suite(tmp_path / "suite", context=context))
        assert project.run("raised", "replied").success

    server.stop()
    files = {file for file, _ in leaks(kept)}
    assert [Path(file).name.split(".")[0] for file in files] == ["customers"]


def test_a_table_that_could_not_be_looked_up_any_more_is_refused(
    tmp_path: Path, kept: Path, server: RecorderServer
) -> None:
    context = {"tables": {"customers": {"file": "customers.csv", "key": "mail"}}}
    with dagster_instance(kept, compute_logs=True) as instance:
        project = _project(tmp_path, server, instance, write_planted_suite(tmp_path / "suite", context=context))
        result = project.run("raised", "replied")

    (failure,) = result.get_step_failure_events()
    assert "redact: false" in str(failure.step_failure_data.user_failure_data)


def test_a_case_that_changed_since_it_was_pinned_is_refused_where_its_true_text_is_not_stored(
    tmp_path: Path, kept: Path, server: RecorderServer
) -> None:
    with dagster_instance(kept, compute_logs=True) as instance:
        project = _project(tmp_path, server, instance, write_planted_suite(tmp_path / "suite"))
        assert project.run("raised", "replied").success
        cases = project.folder / "cases.yaml"
        cases.write_text(cases.read_text(encoding="utf-8").replace("Please raise", "Do raise"), encoding="utf-8")
        result = project.run("raised", "raised", assets=["case_results", "experiment"])

    (failure,) = result.get_step_failure_events()
    assert "case 'raised' holds personal data or secrets" in str(failure.step_failure_data.user_failure_data)


def test_switched_off_everything_is_kept_and_what_looks_for_it_finds_it_everywhere(
    tmp_path: Path, kept: Path, server: RecorderServer
) -> None:
    with dagster_instance(kept, compute_logs=True) as instance:
        project = _project(tmp_path, server, instance, write_planted_suite(tmp_path / "suite"), redaction_enabled=False)
        result = project.run("raised", "replied")

    rows = read_results(project.store, "planted", _experiment(result)).to_pylist()
    assert rows[1]["turns"][0]["response"] == f"Hello {ALL}"
    server.stop()
    files = {Path(file).name.split(".")[0] if "contexts" in file else Path(file).name for file, _ in leaks(kept)}
    places = {"recorder.sqlite", "report.html", "summary.json", "cases.parquet", "index.db"}
    assert files > places | {"customers", "named", "nested", "documents", "similar_documents", "patterns", "trace"}
    assert any(file.endswith("-000000.parquet") for file in files)


def _experiment(result: dg.ExecuteInProcessResult) -> str:
    return next(
        str(event.step_materialization_data.materialization.metadata["eval/experiment"].value)
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None and event.asset_key.path[-1] == "experiment"
    )
