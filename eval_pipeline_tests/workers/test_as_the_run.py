"""What a suite says holds on a worker as in the run: its prompt as it was pinned, its traces, what may be spent."""

from pathlib import Path

import httpx
import pytest
import yaml

from eval_pipeline.errors import PermanentError, TransientError
from eval_pipeline.workers.aws_lambda import handler
from eval_pipeline.workers.work import do_task
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.prompts.published import publish
from eval_pipeline_tests.workers.begun import Begun, set_up_environment

PROMPTED = """\
from eval_pipeline.prompts.current import prompt_text


def answer(message):
    return prompt_text("no prompt")
"""
SPENDING = """\
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

USED = {"input_tokens": 80, "output_tokens": 20, "total_tokens": 100}


def answer(message):
    reply = AIMessage("even", usage_metadata=USED)
    return GenericFakeChatModel(messages=iter([reply])).invoke(message).content
"""


def _changed(folder: Path, agent: str, **fields: object) -> None:
    file = folder / "suite.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **fields}))
    (folder / "agent.py").write_text(agent)


def test_a_prompt_of_the_hub_is_the_one_that_the_experiment_pins_whatever_its_tag_says_by_then(begun: Begun) -> None:
    publish(begun.recorder, "even")
    target = {"kind": "python", "path": "agent.py:answer", "prompt": "hub:support:production"}
    _changed(begun.suite, PROMPTED, target=target)
    tasks = begun.tasks()
    publish(begun.recorder, "another one")

    answers = [do_task(task) for task in tasks]

    assert [(answer.failure, answer.finished) for answer in answers] == [(None, 5), (None, 5)]
    rows = begun.rows(tasks[0].experiment)
    assert rows == [(f"c{n:03d}", "failed" if n % 2 else "passed") for n in range(10)]


def test_a_linked_trace_refers_to_the_shared_one(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    linked = Begun(**{**begun.__dict__, "trace_mode": "linked"})
    set_up_environment(linked, monkeypatch)
    tasks = linked.tasks()
    assert {task.tracing.trace_mode for task in tasks if task.tracing is not None} == {"linked"}

    for task in tasks:
        assert do_task(task).runs_dropped == 0

    experiment = tasks[0].experiment
    assert linked.traced(experiment) == [f"c{number:03d}" for number in range(10)]
    (session,) = httpx.get(f"{linked.recorder}/sessions", params={"name": experiment}).json()
    page = httpx.post(f"{linked.recorder}/runs/query", json={"session": [session["id"]], "limit": 100}).json()
    references = [run for run in page["runs"] if run["name"] == "shared_context (reference)"]
    assert len(references) == 10
    assert all("/r/" in str(run["outputs"]) for run in references)


@pytest.mark.parametrize("change", [{"suite": "unknown"}, {"store": "s3://gone-for-good/team"}], ids=["suite", "store"])
@pytest.mark.parametrize("raise_errors", ["never", "transient", "all"])
def test_failures_are_raised_only_as_a_task_says(begun: Begun, raise_errors: str, change: dict[str, object]) -> None:
    task = begun.tasks()[0].model_copy(update=change)
    event = {**task.model_dump(mode="json"), "raise_errors": raise_errors}

    if raise_errors == "all":
        with pytest.raises(PermanentError, match="the worker of cases1to5 failed") as caught:
            handler(event)
        assert str(caught.value).count("Fix:") == 1
        return
    failure = handler(event)["failure"]
    assert not failure["retryable"]


@pytest.mark.parametrize(("raise_errors", "raises"), [("never", False), ("transient", True), ("all", True)])
def test_a_store_that_is_away_is_raised_for_those_who_try_again(
    begun: Begun, raise_errors: str, monkeypatch: pytest.MonkeyPatch, port: int, *, raises: bool
) -> None:
    event = {**begun.tasks()[0].model_dump(mode="json"), "raise_errors": raise_errors, "store": "s3://elsewhere/team"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    if raises:
        with pytest.raises(TransientError, match="the worker of cases1to5 failed"):
            handler(event)
    else:
        assert handler(event)["failure"]["retryable"]


def test_workers_share_a_budget_and_what_it_does_not_pay_for_is_skipped(
    begun: Begun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    compute = {"kind": "subprocess", "cases_per_task": 2, "max_parallel": 2, "poll_s": 0.2}
    _changed(begun.suite, SPENDING, compute=compute, evaluation={"max_concurrency": 1, "max_tokens": 500})

    done = made_terminal(monkeypatch, capfd)("run", begun.suite, "--json")

    counts = done.document["status_counts"]
    assert done.code == 1, "a run that its budget cut short is no pass"
    assert sum(counts.values()) == 10
    # Each of two workers may be at a call when its share is spent.
    assert 3 <= 10 - counts["skipped"] <= 7
    assert sum(done.document["tokens"].values()) <= 700
