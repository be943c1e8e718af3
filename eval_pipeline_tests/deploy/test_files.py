"""The files of `deploy/` as they are: Dagster takes each, what it names is there, and none holds a secret."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
from dagster._core.instance.config import dagster_instance_config

from eval_pipeline.dagster_ext.celery.launcher import WatchedCeleryRunLauncher
from eval_pipeline.dagster_ext.celery.worker import worker_app
from eval_pipeline.errors import PermanentError
from eval_pipeline_tests.deploy.celery_fleet import DEPLOY
from eval_pipeline_tests.postgres import Postgres, running_postgres

DAGSTER_FILES = sorted(DEPLOY.glob("*/dagster.yaml"))
READ_ME = DEPLOY / "README.md"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with running_postgres(tmp_path_factory.mktemp("files") / "postgres") as running:
        yield running


def _variables(file: Path) -> set[str]:
    """The environment variables that a file names."""
    return set(re.findall(r"\{env: ([A-Z_]+)\}", file.read_text()))


def test_there_is_one_for_one_machine_for_celery_and_for_ecs() -> None:
    assert [file.parent.name for file in DAGSTER_FILES] == ["celery", "ecs", "local"]


@pytest.mark.parametrize("file", DAGSTER_FILES, ids=lambda file: file.parent.name)
def test_dagster_takes_the_file(file: Path) -> None:
    settings, _ = dagster_instance_config(str(file.parent))

    assert settings["concurrency"]["pools"] == {"granularity": "run"}


def test_one_machine_has_the_event_log_of_ours(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "local" / "dagster.yaml").read_text())
    with mock.patch.dict(os.environ, {"DAGSTER_HOME": str(tmp_path)}), dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage).__name__ == "BatchingSqliteEventLogStorage"
        assert instance.run_retries_enabled
        with pytest.raises(PermanentError, match="not through Celery"):
            worker_app(instance)


def test_celery_has_its_launcher_and_its_workers_the_same_options(tmp_path: Path, postgres: Postgres) -> None:
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "celery" / "dagster.yaml").read_text())
    settings = {
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_PORT": str(postgres.port),
        "DAGSTER_PG_USERNAME": "dagster",
        "DAGSTER_PG_PASSWORD": "",
        "DAGSTER_PG_DB": "postgres",
        "DAGSTER_LOGS_BUCKET": "logs",
        "EVAL_PIPELINE_BROKER": "redis://127.0.0.1:1/0",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with mock.patch.dict(os.environ, settings), dg.DagsterInstance.get() as instance:
        assert isinstance(instance.run_launcher, WatchedCeleryRunLauncher)
        assert type(instance.event_log_storage).__name__ == "BatchingPostgresEventLogStorage"
        app = worker_app(instance)
        assert app.conf.broker_url == settings["EVAL_PIPELINE_BROKER"]
        assert app.conf.worker_disable_prefetch
        assert not app.conf.task_acks_late
        assert "execute_job" in app.tasks
        assert instance.run_monitoring_enabled
        assert instance.run_retries_max_retries == 3


@pytest.mark.parametrize("file", DAGSTER_FILES, ids=lambda file: file.parent.name)
def test_every_setting_has_a_comment(file: Path) -> None:
    """On the line before it, at its depth, or on the line of what it is a part of."""
    lines = file.read_text().splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r" {2}\w+: \S", line) and not before.lstrip().startswith("#") and not _known(line)
    ]
    assert bare == []


def _known(line: str) -> bool:
    """What needs no explanation: names of classes, and switches whose block is explained."""
    return line.split(":", maxsplit=1)[0].strip() in {"module", "class", "max_retries", "schedule", "enabled"}


@pytest.mark.parametrize(
    "file", [*DEPLOY.glob("*/*.yaml"), *DEPLOY.glob("*/*.json"), *DEPLOY.glob("*/Procfile")], ids=str
)
def test_no_file_holds_a_secret_or_an_address(file: Path) -> None:
    text = re.sub(r"#.*", "", file.read_text())
    assert not re.search(r"(?i)(password|api_key|secret_access_key)\"?: *\"?[^{\s\"$]", text)
    assert not re.search(r"\w://", text)


@pytest.mark.parametrize("file", DAGSTER_FILES, ids=lambda file: file.parent.name)
def test_the_variables_of_every_file_are_in_the_readme(file: Path) -> None:
    workspace = file.with_name("workspace.yaml")
    wanted = _variables(file) | (_variables(workspace) if workspace.exists() else set())

    assert {name for name in wanted if f"`{name}`" not in READ_ME.read_text()} == set()
