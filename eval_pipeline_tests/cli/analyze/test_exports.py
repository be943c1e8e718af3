"""Finished experiments are listed, shown, opened and exported; each format is read by a consumer of it."""

import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from eval_pipeline.analysis.export.experiment import ExportedExperiment
from eval_pipeline.analysis.export.junit import junit_xml
from eval_pipeline.analysis.export.markdown import markdown, marker
from eval_pipeline.analysis.export.tables import csv_table, jsonl_table, parquet_table
from eval_pipeline.results.case_result import TurnResult
from eval_pipeline.results.experiment_record import ExperimentRecord, latest_experiment
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result, an_assertion
from eval_pipeline_tests.analysis.stored import concluded, keep_experiment
from eval_pipeline_tests.cli.terminal import Terminal

pytestmark = pytest.mark.usefixtures("run_before")


def record_of(store: Path) -> ExperimentRecord:
    record = latest_experiment(LocalStore(store), "shop")
    assert record is not None
    return record


def test_experiments_are_listed_with_their_baseline(terminal: Terminal, store: Path) -> None:
    name = record_of(store).experiment
    assert terminal("baseline", "set", name).code == 0
    (row,) = json.loads(terminal("experiments", "--json").stdout)
    assert (row["experiment"], row["baseline"], row["cases"], row["gates"]) == (name, True, 3, "passed")
    shown = terminal("experiments", "shop").stdout
    assert "1 experiment" in shown
    assert "66.7%" in shown
    assert "no suite 'shup'" in terminal("experiments", "shup").stderr


def test_an_experiment_and_a_transcript_of_it_are_shown(terminal: Terminal, store: Path) -> None:
    name = record_of(store).experiment
    for given in (name, "shop"):
        shown = terminal("show", given).stdout
        assert name in shown
        assert "gate min_pass_rate: passed" in shown
    transcript = terminal("show", "shop", "--case", "gold").stdout
    assert "What does gold cost?" in transcript
    assert "We do not sell gold." in transcript
    assert "missing: '999'" in transcript
    assert terminal("show", "shop", "--case", "gold", "--json").document["case_id"] == "gold"
    assert "did you mean 'gold'?" in terminal("show", "shop", "--case", "glod").stderr
    assert "give a number up to 1" in terminal("show", "shop", "--case", "gold", "--attempt", "2").stderr


def test_the_address_of_a_report_is_printed(terminal: Terminal, store: Path) -> None:
    printed = terminal("open", "shop", "--print").stdout.strip()
    assert printed == (store / "experiments" / "shop" / record_of(store).experiment / "report.html").as_uri()
    assert terminal("open", "shop", "--print", "--traces").code == 2


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet", "junit", "md", "html"])
def test_every_format_is_written_to_a_file_or_to_stdout(terminal: Terminal, tmp_path: Path, format_: str) -> None:
    finished = terminal("export", "shop", "--format", format_, "--out", tmp_path / "new" / "out")
    assert (finished.code, finished.stdout) == (0, "")
    assert (tmp_path / "new" / "out").stat().st_size > 100
    if format_ != "parquet":
        assert (
            terminal("export", "shop", "--format", format_).stdout.encode() == (tmp_path / "new" / "out").read_bytes()
        )


def test_tables_are_read_by_pandas_with_a_row_for_each_attempt(store: Path) -> None:
    opened, name = LocalStore(store), record_of(store).experiment
    frames = [
        pd.read_csv(io.BytesIO(csv_table(opened, "shop", name))),
        pd.read_parquet(io.BytesIO(parquet_table(opened, "shop", name))),
    ]
    for frame in frames:
        assert frame["case_id"].tolist() == ["gold", "milk", "tea"]
        assert frame["response"].tolist()[0] == "We do not sell gold."
        assert frame["passed"].tolist() == [False, True, True]
    rows = list(map(json.loads, jsonl_table(opened, "shop", name).splitlines()))
    assert rows[0]["turns"][0]["input"] == "What does gold cost?"


def test_junit_has_a_test_case_for_each_attempt_and_gate(store: Path) -> None:
    root = ET.fromstring(junit_xml(ExportedExperiment.read(LocalStore(store), record_of(store))))
    suite = root[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
    }
    failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed == ["gold"]


def test_markdown_has_the_worst_first_and_renders_as_tables(store: Path) -> None:
    text = markdown(ExportedExperiment.read(LocalStore(store), record_of(store)))
    assert text.startswith(marker("shop"))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert html.count("<table>") == 2
    assert "shop: passed" in html
    assert html.index("gold") < html.index("missing: '999'")


EVIL = "=cmd|' /C calc'!A0\x00\x1b[31m\n| <img src=x onerror=alert(1)> @octocat [x](javascript:y) `"


def test_nothing_of_an_agent_becomes_a_formula_markup_or_broken_xml(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "evil")
    failed = replace(an_assertion("contains", passed=False), message=EVIL)
    turn = TurnResult(index=0, input=EVIL, response=EVIL, events=(), latency_s=0.1)
    result = a_result("a", status="failed", assertions=(failed,), turns=(turn,), trace_url="javascript:alert(1)")
    record = keep_experiment(store, "now", [result])
    concluded(store, record)
    exported = ExportedExperiment.read(store, record)
    ET.fromstring(junit_xml(exported))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown(exported))
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert "\x1b" not in html
    assert "@octocat" not in markdown(exported)
    table = pd.read_csv(io.BytesIO(csv_table(store, record.suite, record.experiment)), keep_default_na=False)
    cells = [cell for row in table.itertuples(index=False) for cell in row if isinstance(cell, str)]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
