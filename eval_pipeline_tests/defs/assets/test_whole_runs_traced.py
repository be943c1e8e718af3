"""A whole run and what is then at the recorder: tokens once, metadata, two destinations, pages that run nothing."""

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.layout import report_key
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.pages import every_page
from eval_pipeline_tests.defs.assets.seen import metadata_of, rows_at, runs_at
from eval_pipeline_tests.recorder.test_pages import Elements
from eval_pipeline_tests.small_suite import write_small_suite

AGENTS = "eval_pipeline_tests.tracing.agents"
MODEL = f"{AGENTS}:ToolModel"
CASES = ["gold", "milk", "tea"]
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)><a href="javascript:alert(3)">x</a>'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecorderServer]:
    with RecorderServer(db_path=tmp_path / "recorder.sqlite") as running:
        yield running


def _langsmith(server: RecorderServer, tmp_path: Path, **given: Any) -> LangSmithResource:
    given = {"mode": "recorder", **given}
    return LangSmithResource(
        tracing_enabled=True,
        recorder_url=server.url,
        spool_folder=str(tmp_path / "spool"),
        upload_interval_seconds=0.05,
        **given,
    )


def _changed(folder: Path, **fields: Any) -> None:
    file = folder / "suite.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **fields}), encoding="utf-8")


@pytest.fixture
def with_models(project: DagsterProject) -> DagsterProject:
    """The small suite with models: patterns that a model finds, an agent that asks one, a judge."""
    context = yaml.safe_load((project.folder / "suite.yaml").read_text())["context"]
    patterns = [{"name": "themes", "instruction": "Find.", "model": "eval_pipeline_tests.fakes:ReadingModel"}]
    _changed(
        project.folder,
        context={**context, "patterns": patterns},
        target={"kind": "langgraph", "path": f"{AGENTS}:build_agent"},
        judge={"model": MODEL},
        assertions=[{"type": "llm_rubric", "value": "It is polite.", "name": "polite"}],
    )
    project.register(CASES)
    return project


def _session(server: RecorderServer, name: str) -> dict[str, Any]:
    (session,) = httpx.get(f"{server.url}/sessions", params={"name": name, "include_stats": True}).json()
    return dict(session)


def test_tokens_of_the_shared_context_count_once_in_its_own_trace(
    with_models: DagsterProject, server: RecorderServer, tmp_path: Path
) -> None:
    result = replace(with_models, langsmith=_langsmith(server, tmp_path)).run("gold", "tea", config={"repetitions": 2})

    experiment = metadata_of(result, "experiment")["eval/experiment"]
    shared, live = _session(server, "shop-shared"), _session(server, experiment)
    built = metadata_of(result, "shared_context")
    assert shared["total_tokens"] == built["eval/input_tokens"] + built["eval/output_tokens"] == 12
    models = [run for run in runs_at(server.url) if run["run_type"] == "llm" and run["project"] == experiment]
    # Two calls of the agent and one of the judge, twelve tokens each, in each of six attempts.
    assert (len(models), live["total_tokens"]) == (18, 18 * 12)
    for page, tokens in ((shared, 12), (live, 216)):
        html = httpx.get(f"{server.url}/o/{page['tenant_id']}/projects/p/{page['id']}").text
        assert f"<b>{tokens}</b><span>tokens</span>" in html


def test_an_experiment_says_its_models_scores_and_runs_and_every_run_its_partition(
    with_models: DagsterProject, server: RecorderServer, tmp_path: Path
) -> None:
    project = replace(with_models, langsmith=_langsmith(server, tmp_path))
    first, second = project.run("gold", "tea"), project.run("gold", "tea")

    name = metadata_of(second, "experiment")["eval/experiment"]
    session = _session(server, name)
    metadata = session["extra"]["metadata"]
    assert metadata["judge_model"] == MODEL
    assert metadata["dagster_run"] == second.run_id
    assert session["extra"]["__progress"]["evaluator_keys"] == ["polite", "contains", "passed", "score"]
    runs = [run for run in runs_at(server.url) if run["project"] == name]
    labels = [run["extra"]["metadata"] for run in runs]
    assert {(label["dagster_run_id"], label["dagster_partition"] == label["case_id"]) for label in labels} == {
        (second.run_id, True)
    }
    before = _session(server, metadata_of(first, "experiment")["eval/experiment"])
    compared = metadata_of(second, "experiment_summary")["langsmith/comparison_url"]
    assert compared.endswith(f"selectedSessions={session['id']}%2C{before['id']}")
    assert httpx.get(compared).status_code == 200
    assert "langsmith/comparison_url" not in metadata_of(first, "experiment_summary")


def test_both_destinations_have_the_same_rows_under_the_same_ids(
    project: DagsterProject, server: RecorderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.register(CASES)
    monkeypatch.setenv("SOME_KEY", "a-key")
    with RecorderServer(db_path=tmp_path / "langsmith.sqlite") as other:
        both = _langsmith(
            server, tmp_path, mode="both", api_key=dg.EnvVar("SOME_KEY"), api_url=other.url, web_url=other.url
        )
        result = replace(project, langsmith=both).run("gold", "tea")

        assert result.success
        assert rows_at(other.url) == rows_at(server.url) == CASES
        there, here = ({(run["id"], run["project"]) for run in runs_at(at.url)} for at in (other, server))
        assert there == here
        scores = [httpx.get(f"{at.url}/feedback", params={"limit": 100}).json() for at in (other, server)]
        assert {item["id"] for item in scores[0]} == {item["id"] for item in scores[1]}
        assert metadata_of(result, "experiment")["langsmith/experiment_url"].startswith(other.url)


def test_what_agents_and_documents_say_is_text_on_every_page_and_in_the_report(
    project: DagsterProject, server: RecorderServer, tmp_path: Path
) -> None:
    folder = write_small_suite(project.folder)
    text = json.dumps(HOSTILE)
    (folder / "agent.py").write_text(f"def answer(message):\n    return {HOSTILE!r}\n", encoding="utf-8")
    (folder / "notes.jsonl").write_text(f'{{"id": "n1", "text": {text}, "by": {text}}}\n', encoding="utf-8")
    judging = {"type": "python", "path": "judge.py:judge", "name": f"judge {HOSTILE}"}
    (folder / "judge.py").write_text(
        f"def judge(response):\n    return {{'passed': False, 'message': {HOSTILE!r}}}\n", encoding="utf-8"
    )
    case = {"id": "gold", "input": HOSTILE, "tags": [HOSTILE], "metadata": {HOSTILE: HOSTILE}, "split": HOSTILE}
    cases = [{**case, "description": HOSTILE, "reference": {"answer": HOSTILE}, "assertions": [judging]}]
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases), encoding="utf-8")
    project.register(["gold"])

    result = replace(project, langsmith=_langsmith(server, tmp_path)).run("gold", "gold")

    experiment = metadata_of(result, "experiment")["eval/experiment"]
    report = project.store.get(report_key("shop", experiment))
    assert report is not None
    served = httpx.get(metadata_of(result, "experiment_summary")["eval/report"])
    assert served.content == report
    assert served.headers["content-security-policy"].startswith("sandbox ")
    assert any(f"/reports/{experiment}" in page for page in every_page(server.url).values())
    pages = {**every_page(server.url), "report": report.decode()}
    assert len(pages) > 6
    assert sum("onerror" in Elements(page).text for page in pages.values()) > 4
    # The report's own script is the one its policy names by hash; its other script elements are data of other types.
    scripts = [attributes for tag, attributes in Elements(pages["report"]).elements if tag == "script"]
    assert [script for script in scripts if script.get("type") not in ("text/plain", "application/json")] == [{}]
    assert "script-src 'sha256-" in html.unescape(pages["report"])
    for url, page in pages.items():
        for tag, attributes in Elements(page).elements:
            assert tag not in ("img", "iframe", "object"), url
            own = str(attributes.get("src")).startswith("/static/")
            assert tag != "script" or own or url == "report" or "/reports/" in url, url
            assert not any(name.startswith("on") for name in attributes), url
            assert not str(attributes.get("href") or "").strip().lower().startswith("javascript:"), url
