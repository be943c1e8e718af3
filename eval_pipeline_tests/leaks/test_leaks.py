"""Every way of evaluating, under variables that switch every ambient tracing on, with secrets in every place.

Where tracing is off, no server is asked anything; where it is on, only the one that was named. No secret reaches a
server, what is printed, or a file.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langsmith import run_trees
from langsmith.utils import get_env_var

from eval_pipeline.api.catalog import Catalog
from eval_pipeline.api.server import serve_in_thread
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline_tests.cli.terminal import Terminal, terminal
from eval_pipeline_tests.leaks.planted_suite import planted, write_planted_suite
from eval_pipeline_tests.leaks.witness import Witness, witness

SECRETS = sorted({secret for secrets in planted().values() for secret in secrets})


@pytest.fixture(scope="module")
def ambient() -> Iterator[Witness]:
    """The server that variables of LangSmith, LangChain and OpenTelemetry name."""
    with witness() as server:
        yield server


@pytest.fixture(scope="module")
def local() -> Iterator[Witness]:
    """The recorder."""
    with witness() as server:
        yield server


@pytest.fixture
def shell(
    ambient: Witness, local: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    """A terminal in which every variable is set that makes something trace by itself."""
    ambient.requests.clear()
    local.requests.clear()
    for prefix in ("LANGSMITH", "LANGCHAIN"):
        for name in ("TRACING", "TRACING_V2", "OTEL_ENABLED"):
            monkeypatch.setenv(f"{prefix}_{name}", "true")
        monkeypatch.setenv(f"{prefix}_ENDPOINT", ambient.url)
        monkeypatch.setenv(f"{prefix}_API_KEY", "shell-key")
        monkeypatch.setenv(f"{prefix}_PROJECT", "ambient")
    for name in ("ENDPOINT", "TRACES_ENDPOINT", "LOGS_ENDPOINT", "METRICS_ENDPOINT"):
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", ambient.url)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("LANGSMITH_FAILED_TRACES_DIR", str(tmp_path / "failed"))
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", local.url)
    monkeypatch.setenv("EVAL_PIPELINE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    cached: Any = get_env_var
    cached.cache_clear()
    monkeypatch.setattr(run_trees, "_CLIENT", None)
    yield terminal(monkeypatch, capfd)
    cached.cache_clear()


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_planted_suite(tmp_path / "suites" / "planted")


def _leaked(text: str) -> list[str]:
    """Each secret in a text, with what stands around it."""
    forms = {form for secret in SECRETS for form in (secret, json.dumps(secret)[1:-1])}
    places = ((form, text.find(form)) for form in sorted(forms))
    return [text[max(0, at - 80) : at + len(form) + 20] for form, at in places if at >= 0]


def _on_disk(folder: Path) -> dict[str, list[str]]:
    """By file, the secrets in it; the suite itself holds them all."""
    leaked = {}
    for file in folder.rglob("*"):
        if file.is_file() and "suites" not in file.parts:
            content = file.read_bytes()
            text = content.decode(errors="replace")
            if file.suffix == ".parquet":
                text += _cells(file)
            if secrets := _leaked(text):
                leaked[str(file.relative_to(folder))] = secrets
    return leaked


def _cells(file: Path) -> str:
    import pyarrow.parquet as pq  # noqa: PLC0415 - where there is one

    return str(pq.read_table(file).to_pylist())


@pytest.mark.usefixtures("shell")
def test_without_us_the_ambient_tracing_reaches_the_server(ambient: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what the other tests look for would be seen."""
    for prefix in ("LANGSMITH", "LANGCHAIN"):
        monkeypatch.delenv(f"{prefix}_OTEL_ENABLED")
    FakeListChatModel(responses=["hello"]).invoke(SECRETS[0])
    run_trees.get_cached_client().flush()

    assert _leaked(ambient.text)


def test_off_runs_and_comparisons_ask_no_server_anything_and_write_no_secret(
    shell: Terminal, suite: Path, ambient: Witness, local: Witness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "off")
    monkeypatch.setenv("EVAL_PIPELINE_SUITES", str(suite.parent))
    finished = [shell("run", suite, "--json") for _ in range(2)]
    names = [each.document["experiment"] for each in finished]
    finished.append(shell("compare", *names, "--prefer", "the friendlier", "--judge", f"{suite}/agent.py:Judge"))

    assert [each.code for each in finished] == [0, 0, 0], finished
    assert ambient.requests == local.requests == []
    assert _on_disk(tmp_path) == {}
    assert _leaked("".join(each.stdout + each.stderr for each in finished)) == []


@pytest.mark.parametrize("mode", ["recorder", "langsmith", "both"])
def test_a_run_sends_to_the_servers_that_were_named_and_no_secret(
    shell: Terminal,
    suite: Path,
    ambient: Witness,
    local: Witness,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mode: str,
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", mode)
    finished = shell("run", suite)

    assert finished.code in (0, 1), finished.stderr
    assert bool(local.requests) == (mode != "langsmith")
    assert bool(ambient.requests) == (mode != "recorder")
    assert _leaked(ambient.text + local.text) == []
    assert _on_disk(tmp_path) == {}
    assert _leaked(finished.stdout + finished.stderr) == []


@pytest.mark.parametrize("mode", ["off", "recorder"])
def test_worker_processes_send_what_their_run_would(
    shell: Terminal,
    ambient: Witness,
    local: Witness,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mode: str,
) -> None:
    suite = write_planted_suite(
        tmp_path / "suites" / "planted", compute={"kind": "subprocess", "cases_per_task": 9, "poll_s": 0.2}
    )
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", mode)
    finished = shell("run", suite)

    assert finished.code in (0, 1), finished.stderr
    assert ambient.requests == []
    assert bool(local.requests) == (mode == "recorder")
    assert _leaked(local.text + finished.stdout + finished.stderr) == []
    assert _on_disk(tmp_path) == {}


@pytest.mark.parametrize("mode", ["off", "recorder"])
def test_variants_send_what_a_run_would(
    shell: Terminal,
    ambient: Witness,
    local: Witness,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mode: str,
) -> None:
    variant = {"name": "other", "target": {"path": "other.py:answer"}}
    suite = write_planted_suite(tmp_path / "suites" / "planted", variants=[variant])
    (suite / "other.py").write_text((suite / "agent.py").read_text())
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", mode)
    finished = shell("variants", "run", suite)

    assert finished.code in (0, 1), finished.stderr
    assert ambient.requests == []
    assert bool(local.requests) == (mode == "recorder")
    assert _leaked(local.text + finished.stdout + finished.stderr) == []
    assert _on_disk(tmp_path) == {}


@pytest.mark.parametrize("mode", ["off", "recorder"])
def test_watching_serving_and_the_runner_trace_nowhere(
    shell: Terminal,
    suite: Path,
    ambient: Witness,
    local: Witness,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mode: str,
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", mode)
    seen = shell("watch", suite, "plain")
    assert "Not traced" in seen.stderr

    async def streamed() -> list[Any]:
        return [event async for event in EvalRunner(suite).astream_batch(["plain", "break"])]

    events = asyncio.run(streamed())
    monkeypatch.setenv("EVAL_PIPELINE_SUITES", str(suite.parent))
    with serve_in_thread(Catalog(store=str(tmp_path / "store"))) as url:
        body = {"suite": "planted", "case_id": "plain"}
        served = httpx.post(f"{url}/api/eval/stream", json=body, timeout=60).text

    assert "completed" in served
    assert ambient.requests == local.requests == []
    assert _leaked(seen.stdout + seen.stderr + json.dumps(events, default=str) + served) == []
    assert _on_disk(tmp_path) == {}
