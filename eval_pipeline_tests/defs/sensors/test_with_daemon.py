"""Each sensor as a real daemon runs it: ticks, cursors, launched runs, failures. Starting it takes ten seconds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.partitions import concerns
from eval_pipeline.defs.sensors.spool_waiting import TRACES_WAITING
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.result_log import read_results
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.opening import open_store
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline_tests.dagster_deployment import running_dagster
from eval_pipeline_tests.defs.sensors.webhook_receiver import WebhookReceiver
from eval_pipeline_tests.small_suite import write_small_suite
from eval_pipeline_tests.tracing.sample_runs import a_trace, recorded_ids
from eval_pipeline_tests.waiting import wait_for

SENSORS = """\
sensors:
  dataset_changed: {enabled: true, interval_s: 5}
  run_failed: {enabled: true, interval_s: 5, shape: slack}
"""
LOCATION = """\
from pathlib import Path

from eval_pipeline.defs.build import build_location

defs = build_location(folders=[Path(__file__).parent / name for name in ("shop", "auto")])
"""
DAGSTER_YAML = "telemetry: {enabled: false}\nrun_queue: {dequeue_interval_seconds: 1}\n"
PATIENCE_SECONDS = 240.0


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A daemon that runs, and what is around it."""

    root: Path
    instance: dg.DagsterInstance
    webhook: WebhookReceiver
    recorder: RecorderServer

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of the suite."""
        path = self.root / "shop" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    @property
    def runs(self) -> list[dg.DagsterRun]:
        """Those of the suite `shop`, the newest first."""
        return self.runs_of("shop")

    def runs_of(self, suite: str) -> list[dg.DagsterRun]:
        """Those of a suite, the newest first."""
        runs = (record.dagster_run for record in self.instance.get_run_records())
        return [run for run in runs if concerns(run, suite)]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    root = tmp_path_factory.mktemp("deployment")
    suite = write_small_suite(root / "shop") / "suite.yaml"
    suite.write_text(suite.read_text() + SENSORS)
    automated = write_small_suite(root / "auto") / "suite.yaml"
    automated.write_text(automated.read_text().replace("name: shop", "name: auto") + "automation: on_missing\n")
    (root / "location.py").write_text(LOCATION)
    (root / "home").mkdir()
    (root / "home" / "dagster.yaml").write_text(DAGSTER_YAML)
    with RecorderServer(db_path=root / "recorder.sqlite") as recorder, WebhookReceiver() as webhook:
        environment = {
            "DAGSTER_HOME": str(root / "home"),
            "EVAL_PIPELINE_STORE": str(root / "store"),
            "EVAL_PIPELINE_WEBHOOK": webhook.url,
            "EVAL_PIPELINE_TRACING": "recorder",
            "EVAL_PIPELINE_RECORDER_URL": recorder.url,
            "EVAL_PIPELINE_SPOOL": str(root / "spool"),
            "LANGSMITH_TRACING": "true",
        }
        with dg.DagsterInstance.from_config(str(root / "home")) as instance, running_dagster(root, environment):
            yield Deployment(root=root, instance=instance, webhook=webhook, recorder=recorder)
        # Whatever happened, the one secret there is was not written down.
        assert all("only-we-know" not in (root / f"{name}.log").read_text() for name in ("daemon", "code"))


def _until(there: Callable[[], Any], deployment: Deployment) -> Any:
    """Wait for something to be there, and return it."""
    log = deployment.root / "daemon.log"
    return wait_for(there, timeout_s=PATIENCE_SECONDS, otherwise=lambda: log.read_text()[-3_000:])


def _await_the_first_look(deployment: Deployment) -> None:
    _until(lambda: "gold" in deployment.instance.get_dynamic_partitions("shop/cases"), deployment)


def _evaluated(deployment: Deployment) -> list[str]:
    store = open_store(str(deployment.root / "store"))
    experiments = {key.split("/")[2] for key in store.list("experiments/shop/")}
    return sorted(
        case_id for name in experiments for case_id in read_results(store, "shop", name)["case_id"].to_pylist()
    )


def test_traces_that_wait_are_sent(deployment: Deployment) -> None:
    deployment.recorder.faults.add(Fault(status=503, times=None, path="multipart"))
    spool = deployment.root / "spool"
    sender = SpoolingSender(LangSmithSettings(recorder_url=deployment.recorder.url, spool_folder=spool))
    trace = a_trace()
    sender.send_runs(trace)
    # Long enough for nothing to be under way any more: a request that is would arrive without anybody's help.
    sender.close(10.0)
    deployment.recorder.faults.clear()
    assert recorded_ids(deployment.recorder) == []

    _until(lambda: len(recorded_ids(deployment.recorder)) == len(trace), deployment)

    assert TRACES_WAITING in (deployment.root / "daemon.log").read_text()


def test_an_automated_suite_is_evaluated_in_one_run_that_the_launch_submits(deployment: Deployment) -> None:
    def evaluated() -> list[dg.DagsterRun]:
        return [run for run in deployment.runs_of("auto") if run.job_name == "evaluate_auto" and run.is_finished]

    (run,) = _until(evaluated, deployment)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert len(deployment.instance.get_materialized_partitions(dg.AssetKey(["auto", "case_results"]))) == 3


def test_a_changed_case_is_evaluated_and_nothing_else(deployment: Deployment) -> None:
    _await_the_first_look(deployment)
    assert deployment.runs == []
    deployment.edit("cases.yaml", "What does tea cost?", "Say, what does tea cost?")

    _until(lambda: deployment.runs and deployment.runs[0].is_finished, deployment)

    assert [run.status for run in deployment.runs] == [dg.DagsterRunStatus.SUCCESS]
    assert _evaluated(deployment) == ["tea"]


def test_a_failed_run_is_posted_to_the_webhook_in_one_line(deployment: Deployment) -> None:
    _await_the_first_look(deployment)
    # The case is changed, so that it is evaluated; and then the context cannot be built.
    deployment.edit("prices.csv", "product,price", "thing,price")
    deployment.edit("cases.yaml", "What does milk cost?", "Say, what does milk cost?")

    posted = _until(lambda: deployment.webhook.received, deployment)

    assert len(posted) == 1
    assert posted[0]["text"].startswith("*shop*: run ")
    assert "`shop__shared_context`" in posted[0]["text"]
    assert "prices" in posted[0]["text"]
    assert "\n" not in posted[0]["text"]
