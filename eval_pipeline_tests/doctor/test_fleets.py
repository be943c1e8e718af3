"""Fleets broken on purpose: broker, workers, queue, pools, monitoring, bucket, clock."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import boto3
import dagster as dg
import httpx
import pytest
import yaml
from celery import Celery

from eval_pipeline.dagster_ext.celery.versions import installed_versions
from eval_pipeline.doctor import celery_workers
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.deploy.processes import ProcessGroup, ending
from eval_pipeline_tests.doctor.findings import found_by
from eval_pipeline_tests.postgres import running_postgres
from eval_pipeline_tests.redis_server import running_redis
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server, moto_server
from eval_pipeline_tests.small_server import Answers, answering
from eval_pipeline_tests.waiting import wait_for

MONITORED = {"run_monitoring": {"enabled": True}, "run_retries": {"enabled": True, "max_retries": 3}}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY, "DEFAULT_REGION": "us-east-1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


def _configure(**settings: object) -> None:
    Path(os.environ["DAGSTER_HOME"], "dagster.yaml").write_text(yaml.safe_dump(settings))


def _celery(broker: str, **config: str) -> dict[str, object]:
    module = "eval_pipeline.dagster_ext.celery.launcher"
    config = {"broker": broker, "backend": broker, **config}
    return {"module": module, "class": "WatchedCeleryRunLauncher", "config": config}


def test_a_broker_that_is_away(terminal: Terminal, port: int) -> None:
    _configure(run_launcher=_celery(f"redis://:hunter2@127.0.0.1:{port}/0"), **MONITORED)
    findings = found_by(terminal)
    assert "start the broker" in findings["broker"]["fix"]
    assert "hunter2" not in str(findings)


def test_a_broker_without_workers(terminal: Terminal, redis: str) -> None:
    _configure(run_launcher=_celery(redis), **MONITORED)
    assert "eval_pipeline.dagster_ext.celery.app worker" in found_by(terminal)["workers"]["fix"]


@pytest.fixture
def worker(terminal: Terminal, redis: str, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a worker of an app, and returns its name when it answers."""
    del terminal
    groups: dict[str, ProcessGroup] = {}

    def start(app: str) -> str:
        celery = (sys.executable, "-m", "celery", "--app", app, "worker", "--hostname", "w@here", "--concurrency", "1")
        groups["w"] = ProcessGroup("w", celery, environment={**os.environ, "BROKER": redis}, folder=tmp_path)
        control = Celery(broker=redis).control
        wait_for(lambda: control.ping(timeout=1.0), timeout_s=300.0, otherwise=groups["w"].log.read_text)
        return "w@here"

    with ending(groups):
        yield start


def test_workers_are_asked_for_their_queue_and_their_versions(
    terminal: Terminal, redis: str, worker: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"concurrency": {"runs": {"max_concurrent_runs": 1}}, **MONITORED}
    _configure(run_launcher=_celery(redis), **one)
    name = worker("eval_pipeline.dagster_ext.celery.app")

    _until_reported(terminal, "ok", "workers", f"1 with 1 slots: {name}")
    _until_reported(terminal, "ok", "worker versions", name)

    newer = {**installed_versions(), "dagster": "9.9.9"}
    monkeypatch.setattr(celery_workers, "installed_versions", lambda: newer)
    apart = f"{name}: dagster {metadata.version('dagster')} (here 9.9.9)"
    _until_reported(terminal, "warning", "worker versions", apart)

    _configure(run_launcher=_celery(redis, default_queue="big"), **one)
    finding = _until_reported(terminal, "failed", "workers", "no worker takes runs from the queue big")
    assert "-Q big" in finding["fix"]


def _until_reported(terminal: Terminal, health: str, subject: str, message: str) -> dict[str, Any]:
    """Run the doctor until it reports a finding: a worker on a busy machine answers late."""
    last: list[Any] = []

    def reported() -> Any:
        last[:] = cast("list[Any]", terminal("doctor", "--json").document)
        findings = {finding["subject"]: finding for finding in last if finding["health"] == health}
        return findings.get(subject) if message in findings.get(subject, {}).get("message", "") else None

    finding: dict[str, Any] = wait_for(reported, timeout_s=300.0, otherwise=lambda: str(last))
    return finding


def test_a_worker_that_knows_nothing_of_versions_is_named(
    terminal: Terminal, redis: str, worker: Callable[..., str], tmp_path: Path
) -> None:
    """As one of an older release."""
    _configure(run_launcher=_celery(redis), **MONITORED)
    plain = (
        "import os, celery\napp = celery.Celery(broker=os.environ['BROKER'])\napp.conf.task_default_queue = 'dagster'\n"
    )
    (tmp_path / "plain.py").write_text(plain)
    name = worker("plain")
    _until_reported(terminal, "warning", "worker versions", f"{name}: does not report its versions")


def test_a_launcher_whose_package_is_missing(terminal: Terminal) -> None:
    _configure(run_launcher={"module": "dagster_celery_of_tomorrow", "class": "CeleryRunLauncher", "config": {}})
    assert "eval_pipeline[celery]" in found_by(terminal)["launcher"]["fix"]


def test_workers_whose_death_would_not_be_detected(terminal: Terminal, redis: str) -> None:
    _configure(run_launcher=_celery(redis))
    finding = found_by(terminal)["monitoring"]
    assert ("STARTED indefinitely" in finding["message"], "run_monitoring" in finding["fix"]) == (True, True)


def test_a_launcher_that_does_not_detect_it(terminal: Terminal, redis: str) -> None:
    plain = {**_celery(redis), "module": "dagster_celery.launcher", "class": "CeleryRunLauncher"}
    _configure(run_launcher=plain, **MONITORED)
    assert "WatchedCeleryRunLauncher" in found_by(terminal, health="warning")["launcher"]["fix"]


def test_a_queue_that_lets_nothing_through(terminal: Terminal) -> None:
    _configure(concurrency={"runs": {"max_concurrent_runs": 0}})
    assert "no run ever starts" in found_by(terminal)["queue"]["message"]


def test_a_pool_that_lets_nothing_through(terminal: Terminal) -> None:
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots("openai", 0)
    assert "dagster instance concurrency set openai" in found_by(terminal)["pools"]["fix"]


def test_a_pool_that_holds_workers_while_it_waits(terminal: Terminal) -> None:
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots("openai", 2)
    assert "granularity: run" in found_by(terminal, code=0, health="warning")["pools"]["fix"]


def test_a_pool_of_a_suite_without_a_limit(terminal: Terminal, tmp_path: Path) -> None:
    suite = tmp_path / "asks"
    suite.mkdir()
    target = 'target: {kind: python, path: "agent.py:answer"}'
    (suite / "suite.yaml").write_text(f"name: asks\ncases: cases.yaml\n{target}\nevaluation: {{pool: openai}}\n")
    (suite / "cases.yaml").write_text("- {id: a, input: x}\n")
    (suite / "agent.py").write_text("def answer(message):\n    return message\n")
    assert "no limit" in found_by(terminal, str(suite), code=0, health="warning")["pools"]["message"]


def test_partitions_that_would_be_recorded_one_by_one(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    with running_postgres(tmp_path / "postgres") as postgres:
        _configure(**postgres.overrides)
        finding = found_by(terminal, code=0, health="warning")["recording"]
        assert "DAGSTER_EVENT_BATCH_SIZE=1000" in finding["fix"]
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
        finding = found_by(terminal, code=0, health="warning")["recording"]
        assert "eval_pipeline.dagster_ext.postgres_storage" in finding["fix"]
        _configure(**postgres.batching_overrides)
        assert found_by(terminal, code=0, health="ok")["recording"]["message"].endswith("up to 1000 at a time")


def test_a_bucket_that_may_be_read_and_not_written(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_server() as server:
        bucket = server.bucket()
        _as_reader(server, monkeypatch)
        httpx.post(f"{server.endpoint}/moto-api/reset-auth", content="0").raise_for_status()
        try:
            finding = found_by(terminal, "--store", f"s3://{bucket}/team")["store"]
        finally:
            httpx.post(f"{server.endpoint}/moto-api/reset-auth", content="1000000000").raise_for_status()
    assert ("doctor/probe" in finding["message"], "s3:PutObject" in finding["fix"]) == (True, True)


def _as_reader(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that may read and list, and nothing else."""
    iam = boto3.client("iam", endpoint_url=server.endpoint)
    iam.create_user(UserName="reader")
    statement = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=document)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])


def test_a_bucket_for_logs_that_is_not_there(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_LOGS_BUCKET", "gone")
    config = {"bucket": {"env": "DAGSTER_LOGS_BUCKET"}}
    _configure(
        compute_logs={"module": "dagster_aws.s3.compute_log_manager", "class": "S3ComputeLogManager", "config": config}
    )
    with moto_server() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
        finding = found_by(terminal)["logs"]
    assert ("s3://gone" in finding["message"], "compute_logs" in finding["fix"]) == (True, True)


def test_a_clock_that_differs_from_that_of_the_bucket(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with _refusing_server("Fri, 01 May 2020 12:00:00 GMT") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        findings = found_by(terminal, "--store", "s3://bucket/team")
    assert "ahead of s3://bucket/team" in findings["clock"]["message"]
    assert "store" in findings


@contextlib.contextmanager
def _refusing_server(date: str) -> Iterator[str]:
    """A server that says no to everything, at a time of its own."""

    class Handler(Answers):
        def do_HEAD(self) -> None:  # noqa: N802 - named by the library
            self.send_response_only(403)
            self.send_header("date", date)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_PUT(self) -> None:  # noqa: N802 - named by the library
            self.do_HEAD()

    with answering(Handler) as url:
        yield url
