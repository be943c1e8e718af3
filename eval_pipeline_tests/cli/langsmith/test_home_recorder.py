"""Commands that read from the recorder read from that of their home, which may be at any port, and start it."""

import contextlib
import json
from pathlib import Path

import dagster as dg
import pytest
from langsmith import Client

from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.defs.sensors.spool_waiting import build_traces_waiting
from eval_pipeline.langsmith.local_recorder import local_recorder
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.simultaneous_runs import claim_usual_ports
from eval_pipeline_tests.tracing.sample_runs import a_trace

SUITE = """
name: questions
cases: {langsmith_dataset: questions}
target: {kind: python, path: "agent.py:answer"}
assertions: [{type: contains, value: "?"}]
"""


@pytest.fixture
def home(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose recorder, which does not run, has a port of its own and the dataset `questions`."""
    monkeypatch.delenv("EVAL_PIPELINE_RECORDER_URL")
    monkeypatch.delenv("LANGSMITH_TRACING", raising=False)
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(store.parent / "cache"))
    claim_usual_ports(store.parent / "cache")
    home = store.parent / "home"
    with local_recorder(LangSmithSettings(mode="recorder"), home) as recorder:
        assert recorder is not None
        client = Client(api_url=recorder.url, api_key="x", auto_batch_tracing=False)
        dataset = client.create_dataset("questions")
        client.create_examples(dataset_id=dataset.id, examples=[{"inputs": {"input": "how?"}}])
        client.create_run("asked", {"input": "why?"}, "chain", outputs={"output": "so"}, project_name="production")
    return home


def test_check_and_cases_import_read_what_the_homes_recorder_has(
    terminal: Terminal, home: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "questions"
    suite.mkdir()
    (suite / "suite.yaml").write_text(SUITE)
    (suite / "agent.py").write_text("def answer(message):\n    return message\n")
    checked = terminal("check", suite)
    assert (checked.code, checked.stderr) == (0, "")
    imported = terminal("cases", "import", suite, "--project", "production")
    assert "1 run: 1 new case" in imported.stdout
    assert home.exists()


@pytest.mark.usefixtures("home")
def test_the_doctor_tests_the_homes_recorder(terminal: Terminal) -> None:
    findings = json.loads(terminal("doctor", "--json").stdout)
    assert [finding["health"] for finding in findings if finding["subject"] == "recorder"] == ["ok"]


def test_the_sensor_starts_the_homes_recorder_for_what_waits_for_it(
    home: Path, store: Path, tmp_path: Path, port: int
) -> None:
    langsmith = LangSmithResource(mode="recorder", tracing_enabled=True, spool_folder=str(tmp_path / "spool"))
    away = langsmith.settings().model_copy(update={"recorder_url": f"http://127.0.0.1:{port}"})
    with contextlib.closing(SpoolingSender(away)) as sender:
        sender.send_runs(a_trace())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        context = dg.build_sensor_context(instance=instance, resources={"eval_langsmith": langsmith})
        skipped = build_traces_waiting(store=StoreResource(root=str(store)))(context)
    assert isinstance(skipped, dg.SkipReason)
    assert f"recorder: {len(a_trace())} runs sent" in str(skipped.skip_message)


@pytest.mark.usefixtures("home")
def test_new_suites_begin_with_a_dataset_or_with_runs_of_the_homes_recorder(terminal: Terminal, tmp_path: Path) -> None:
    for name, arguments in {
        "of_dataset": ["--from-langsmith", "questions"],
        "of_runs": ["--from-runs", "production"],
    }.items():
        assert terminal("init", tmp_path / name, *arguments).code == 0
        checked = terminal("check", tmp_path / name)
        assert (checked.code, checked.stderr) == (0, "")
    assert "why?" in (tmp_path / "of_runs" / "cases.yaml").read_text()
    assert "there is no dataset 'qestions'" in terminal("init", tmp_path / "x", "--from-langsmith", "qestions").stderr
