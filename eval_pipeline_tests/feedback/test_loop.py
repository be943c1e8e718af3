"""The feedback loop from the terminal, against the recorder over HTTP with the SDK."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from langsmith import Client

from eval_pipeline.assertions.judges.corrections import examples_for
from eval_pipeline.assertions.judges.pulled_corrections import corrections_now, with_pulled_corrections
from eval_pipeline.defs.assets.corrections import build_corrections
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.errors import CredentialsError, MissingUpstreamError
from eval_pipeline.feedback.corrections import stored_corrections
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.pipeline.begin import join_experiment
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.experiment_record import read_experiment
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.suite import read_suite
from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed after.*:DeprecationWarning")

CASES = [
    {"id": f"c{index}", "input": text, "assertions": [{"type": "contains", "value": "hello"}]}
    for index, text in enumerate(["hello", "hello you", "goodbye", "I am ann@example.com"])
]
JUDGE = {"model": "eval_pipeline_tests.fakes:ReadingModel", "corrections": {"from": "langsmith", "limit": 2}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RecorderServer]:
    monkeypatch.delenv("LANGSMITH_TRACING", raising=False)
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "recorder")
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EVAL_PIPELINE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with RecorderServer() as running:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", running.url)
        yield running


@pytest.fixture
def terminal(server: RecorderServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    del server
    return made_terminal(monkeypatch, capfd)


@pytest.fixture
def client(server: RecorderServer) -> Iterator[Client]:
    made = a_client(server)
    yield made
    made.close()


@pytest.fixture
def suite(folder: Path) -> Path:
    return write_suite(folder, cases=CASES, judge=JUDGE)


def rows_of(client: Client, experiment: str) -> dict[str, Any]:
    return {run.name: run for run in client.list_runs(project_name=experiment, is_root=True)}


def give_feedback(client: Client, run: Any, **fields: Any) -> None:
    client.create_feedback(
        run_id=run.id, session_id=run.session_id, start_time=run.start_time, feedback_source_type="api", **fields
    )


def correct(client: Client, run: Any, key: str, correction: dict[str, Any]) -> None:
    (given,) = client.list_feedback(run_ids=[run.id], feedback_key=[key])
    client.update_feedback(given.id, correction=correction)


def test_failing_cases_are_queued_once(terminal: Terminal, suite: Path, client: Client) -> None:
    terminal("run", suite)

    first = terminal("annotate", suite, "--limit", "1")
    second = terminal("annotate", suite)
    third = terminal("annotate", suite)

    assert "1 of 2 failed attempts added, 0 were in the queue already" in first.stdout
    assert "1 of 2 failed attempts added, 1 were in the queue already" in second.stdout
    assert "0 of 2 failed attempts added, 2 were in the queue already" in third.stdout
    (queue,) = client.list_annotation_queues()
    assert queue.name == "sample failing"
    assert {run.name for run in client.list_runs_from_annotation_queue(queue.id)} == {"c2", "c3"}
    assert f"/annotation-queues/{queue.id}" in first.stdout
    terminal("annotate", suite, "--queue", "mine")
    assert {queue.name for queue in client.list_annotation_queues()} == {"sample failing", "mine"}


def test_an_experiment_that_was_not_traced_cannot_be_annotated(
    terminal: Terminal, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "off")
    terminal("run", suite)
    outcome = terminal("annotate", suite)

    assert (outcome.code, "was not traced" in outcome.stderr) == (2, True)


def test_what_people_corrected_becomes_examples_for_the_judge(
    terminal: Terminal, suite: Path, client: Client, tmp_path: Path
) -> None:
    experiment = terminal("run", suite, "--json").document["experiment"]
    read, store = read_suite(suite), LocalStore(tmp_path / "store")
    assert "0 corrections" in terminal("corrections", suite).stdout
    unpulled = with_pulled_corrections(read, store, corrections_now(read, store)).spec.judge
    assert unpulled is not None
    assert examples_for(unpulled, "contains", folder=suite) == ()
    rows = rows_of(client, experiment)
    correct(client, rows["c3"], "contains", {"score": 1, "explanation": "greets ann@example.com"})
    give_feedback(client, rows["c0"], key="contains", score=0, comment="too short")
    give_feedback(client, rows["c1"], key="unheard of", score=0)

    pulled = terminal("corrections", suite)
    again = terminal("corrections", suite)

    assert "2 corrections in 1 experiment, 2 new" in pulled.stdout
    assert "2 corrections in 1 experiment, 0 new" in again.stdout
    assert pulled.stdout.splitlines()[1] == again.stdout.splitlines()[1]
    known = {row["case_id"]: row for row in stored_corrections(store, "sample")}
    assert (known["c0"]["input"], known["c0"]["output"], known["c0"]["verdict"]) == ("hello", "hello", "no")
    assert (known["c0"]["comment"], known["c3"]["verdict"]) == ("too short", "yes")
    assert "ann@example.com" not in json.dumps(known)
    judge = with_pulled_corrections(read, store, corrections_now(read, store)).spec.judge
    assert judge is not None
    shown = examples_for(judge, "contains", folder=suite)
    assert {row["case_id"] for row in shown} == {"c0", "c3"}
    assert examples_for(judge, "another", folder=suite) == []


def test_an_experiment_keeps_the_corrections_that_it_began_with(
    terminal: Terminal, suite: Path, client: Client, tmp_path: Path
) -> None:
    rows = rows_of(client, terminal("run", suite, "--json").document["experiment"])
    give_feedback(client, rows["c0"], key="contains", score=0)
    terminal("corrections", suite)
    begun = terminal("run", suite, "--case", "c0", "--json").document["experiment"]
    give_feedback(client, rows["c1"], key="contains", score=0)
    terminal("corrections", suite)
    store, read = LocalStore(tmp_path / "store"), read_suite(suite)
    record = read_experiment(store, "sample", begun)

    assert record.corrections is not None
    assert record.corrections != corrections_now(read, store)
    experiment = join_experiment(store, read, record, LangSmithSettings(mode="off"))
    judge = experiment.evaluator().suite.spec.judge
    assert judge is not None
    assert [row["case_id"] for row in examples_for(judge, "contains", folder=suite)] == ["c0"]
    (tmp_path / "store" / record.corrections).unlink()
    with pytest.raises(MissingUpstreamError, match="are gone"):
        experiment.evaluator()


def test_a_correction_that_changed_or_was_taken_back_is_as_it_is_now(
    terminal: Terminal, suite: Path, client: Client, tmp_path: Path
) -> None:
    experiment = terminal("run", suite, "--json").document["experiment"]
    rows, store = rows_of(client, experiment), LocalStore(tmp_path / "store")
    correct(client, rows["c3"], "contains", {"score": 1})
    give_feedback(client, rows["c0"], key="contains", score=0)
    terminal("corrections", suite)
    correct(client, rows["c3"], "contains", {"score": 0})
    (mine,) = [each for each in client.list_feedback(run_ids=[rows["c0"].id]) if each.score == 0]
    client.delete_feedback(mine.id)

    terminal("corrections", suite)

    assert [(row["case_id"], row["verdict"]) for row in stored_corrections(store, "sample")] == [("c3", "no")]
    for taken_back in client.list_feedback(run_ids=[rows["c3"].id], feedback_key=["contains"]):
        client.delete_feedback(taken_back.id)
    terminal("corrections", suite)
    assert stored_corrections(store, "sample") == []


def test_agreement_takes_its_labels_from_langsmith(terminal: Terminal, suite: Path, client: Client) -> None:
    experiment = terminal("run", suite, "--json").document["experiment"]
    no_feedback = terminal("agreement", suite)
    assert (no_feedback.code, "has no human feedback" in no_feedback.stderr) == (2, True)
    rows = rows_of(client, experiment)
    correct(client, rows["c3"], "contains", {"score": 1})
    for name, score in (("c0", 1), ("c1", 1), ("c2", 0)):
        give_feedback(client, rows[name], key="contains", score=score)

    for arguments in (["--from-langsmith"], []):
        (agreement,) = terminal("agreement", suite, *arguments, "--json").document["agreement"]
        assert (agreement["assertion"], agreement["pairs"], agreement["accuracy"]["value"]) == ("contains", 4, 0.75)


def test_the_asset_says_what_it_pulled(
    terminal: Terminal, suite: Path, client: Client, server: RecorderServer, tmp_path: Path
) -> None:
    experiment = terminal("run", suite, "--json").document["experiment"]
    correct(client, rows_of(client, experiment)["c3"], "contains", {"score": 1})
    resources = {
        "eval_store": StoreResource(root=str(tmp_path / "store")),
        "eval_langsmith": LangSmithResource(mode="recorder", recorder_url=server.url),
    }

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([build_corrections(read_suite(suite))], resources=resources, instance=instance)

    (event,) = done.get_asset_materialization_events()
    assert event.materialization.metadata["corrections"].value == 1
    assert str(event.materialization.metadata["langsmith/experiment"].value).startswith("sample-")
    assert str(event.materialization.metadata["langsmith/dataset_url"].value).startswith(server.url)


def production(server: RecorderServer, client: Client) -> list[dict[str, Any]]:
    """Runs of an agent at work: good, bad, broken, the same again, and one without a user message."""
    texts = ["How are you?", "Where is ann@example.com?", "It broke", " it  BROKE", "hello"]
    runs = [a_run(name="agent", session_name="prod", inputs={"question": text}) for text in texts]
    runs.append(a_run(name="agent", session_name="prod", inputs={"number": 1}, outputs={"number": 2}))
    for run in runs[2:4]:
        run["error"] = "Traceback ...\nValueError: no"
    post_runs(server, *runs)
    session = client.read_project(project_name="prod").id
    for run, score in zip(runs, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0), strict=True):
        client.create_feedback(
            run_id=run["id"], session_id=session, start_time=dt.datetime.now(dt.UTC), key="user_score", score=score
        )
    client.flush(timeout=10)
    return runs


def test_production_runs_that_failed_a_rule_become_cases_once(
    terminal: Terminal, folder: Path, client: Client, server: RecorderServer
) -> None:
    suite = write_suite(folder, cases=CASES)
    text = (suite / "suite.yaml").read_text().replace("cases: cases.yaml", "cases: [cases.yaml, cases/*.jsonl]")
    (suite / "cases").mkdir()
    (suite / "cases" / "empty.jsonl").touch()
    (suite / "suite.yaml").write_text(text)
    runs = production(server, client)

    first = terminal("cases", "import", suite, "--project", "prod", "--below", "user_score", "0.5")
    again = terminal("cases", "import", suite, "--project", "prod", "--below", "user_score", "0.5")

    assert "5 runs: 2 new cases, 2 already in the suite, 1 without a user message" in first.stdout
    assert "0 new cases, 4 already in the suite" in again.stdout
    newest = max(run["start_time"] for run in runs[1:4])
    since = terminal("cases", "import", suite, "--project", "prod", "--since", "last")
    assert since.stdout.startswith(f"{sum(run['start_time'] > newest for run in runs)} runs")
    never = terminal("cases", "import", suite, "--project", "support", "--since", "last")
    assert (never.code, "no case was imported from 'support' yet" in never.stderr) == (2, True)
    cases = [json.loads(line) for line in (suite / "cases" / "imported.jsonl").read_text().splitlines()]
    assert {case["metadata"]["origin"]["run_id"] for case in cases} <= {run["id"] for run in runs}
    assert {case["metadata"]["origin"].get("error") for case in cases} == {None, "ValueError: no"}
    assert all(case["metadata"]["origin"]["url"].startswith(server.url) for case in cases)
    assert "ann@example.com" not in json.dumps(cases)
    assert terminal("check", suite).code == 0


def test_cases_of_runs_that_broke_or_that_a_filter_finds(
    terminal: Terminal, folder: Path, client: Client, server: RecorderServer
) -> None:
    suite = write_suite(folder, cases=CASES)
    production(server, client)

    rule = 'and(eq(feedback_key, "user_score"), gt(feedback_score, 0.5))'
    broke = terminal("cases", "import", suite, "--project", "prod", "--errors")
    terminal("cases", "import", suite, "--project", "prod", "--where", rule, "--into", "good.jsonl")
    unknown = terminal("cases", "import", suite, "--project", "nowhere")

    assert "2 runs: 1 new case, 1 already in the suite" in broke.stdout
    assert "add that file to `cases:`" in broke.stderr
    assert json.loads((suite / "good.jsonl").read_text())["input"] == "How are you?"
    assert (unknown.code, "there is no project 'nowhere'" in unknown.stderr) == (2, True)


def test_a_refused_key_is_an_error_of_credentials() -> None:
    with RecorderServer(config=RecorderConfig(token="right")) as strict:
        settings = LangSmithSettings.model_validate(
            {"recorder_url": strict.url, "recorder_token": "wrong", "mode": "recorder"}
        )
        with FeedbackServer(settings) as server, pytest.raises(CredentialsError):
            server.root_runs("prod", where=None, error=None, limit=1)
