"""What is posted about a failed run, and what is not."""

import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.defs.sensors.run_failed import FailedStep, build_run_failed, notice_of, one_line
from eval_pipeline.defs.sensors.webhook import RunFailedNotice, post, run_failed_body
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline_tests.building import a_suite
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.defs.sensors.webhook_receiver import WebhookReceiver

VARIABLE = "EVAL_PIPELINE_WEBHOOK"
RUN = dg.DagsterRun(job_name="evaluate_sample", run_id="01234567-89ab-4cde-8f01-23456789abcd")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        monkeypatch.setenv(VARIABLE, running.url)
        yield running


def test_the_reason_is_the_first_failed_steps_first_line_without_secrets() -> None:
    steps = [
        FailedStep(name="sample__test_cases", message="\n key sk-proj-abcdefghijklmnop0123456789 refused\nlook there"),
        FailedStep(name="later", message="because of the first"),
    ]

    notice = notice_of("sample", RUN, steps, "Steps failed: …", redactor=Redactor(), ui_url="http://ui/")

    assert notice.reason == "key [redacted:api_key] refused look there"
    assert notice.step == "sample__test_cases"
    assert notice.run_url == f"http://ui/runs/{RUN.run_id}"


def test_without_a_failed_step_dagsters_message_is_the_reason() -> None:
    notice = notice_of("sample", RUN, [], "This run has been marked as failed", redactor=Redactor(), ui_url=None)

    assert (notice.reason, notice.step, notice.run_url) == ("This run has been marked as failed", None, None)


@pytest.mark.parametrize(("text", "line"), [("", "no reason given"), (" \n\n a \n b", "a b")])
def test_a_reason_is_one_line(text: str, line: str) -> None:
    assert one_line(text) == line
    assert len(one_line("x" * 10_000)) < 400


def test_shapes() -> None:
    notice = RunFailedNotice(
        suite="shop", run_id="0123456789", job="evaluate_shop", reason="a <b> & <!channel>", step="s"
    )

    assert run_failed_body(notice, "json") == {"event": "run_failed", **{k: v for k, v in vars(notice).items() if v}}
    assert run_failed_body(notice, "slack") == {
        "text": "*shop*: run 01234567 failed at `s`: a &lt;b&gt; &amp; &lt;!channel&gt;"
    }


def test_a_webhook_is_tried_twice(receiver: WebhookReceiver) -> None:
    receiver.answers = [500]
    assert post(VARIABLE, {"a": 1}) is None
    assert receiver.received == [{"a": 1}] * 2
    receiver.answers = [500, 403]
    assert post(VARIABLE, {"a": 1}) == "it answered 403"


@pytest.mark.parametrize(
    "url", ["", "ftp://example/only-we-know", "http://127.0.0.1:1/only-we-know", "http://[only-we-know"]
)
def test_why_posting_failed_does_not_name_the_url(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    monkeypatch.setenv(VARIABLE, url)
    with caplog.at_level(logging.DEBUG):
        why = post(VARIABLE, {"a": 1})

    assert why
    assert "only-we-know" not in why + caplog.text


@pytest.mark.usefixtures("receiver")
def test_nothing_that_is_logged_names_the_url(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert post(VARIABLE, {"a": 1}) is None

    assert "only-we-know" not in caplog.text


@dg.op
def fails() -> None:
    raise dg.Failure("the store of ann@example.com is full\nFix: make room.")


@dg.job(name="evaluate_sample")
def failing_job() -> None:
    fails()


def _tick(tmp_path: Path, tags: dict[str, str]) -> None:
    with dagster_instance(tmp_path) as instance:
        result = failing_job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        context = dg.build_run_status_sensor_context(
            sensor_name="sample_run_failed",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"eval_langsmith": LangSmithResource(mode="off")},
        ).for_run_failure()
        build_run_failed(a_suite(tmp_path))(context)


def test_a_failed_run_of_the_suite_is_posted(receiver: WebhookReceiver, tmp_path: Path) -> None:
    _tick(tmp_path, {"eval/suite": "sample"})

    (posted,) = receiver.received
    assert (posted["suite"], posted["step"], posted["reason"]) == (
        "sample",
        "fails",
        "the store of [redacted:email] is full Fix: make room.",
    )


def test_a_failed_run_of_another_suite_is_not(receiver: WebhookReceiver, tmp_path: Path) -> None:
    _tick(tmp_path, {"eval/suite": "other"})

    assert receiver.received == []


def test_a_webhook_that_fails_breaks_no_tick(receiver: WebhookReceiver, tmp_path: Path) -> None:
    receiver.answers = [500, 500]

    _tick(tmp_path, {"eval/suite": "sample"})

    assert len(receiver.received) == 2
