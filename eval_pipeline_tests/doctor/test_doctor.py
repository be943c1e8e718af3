"""Deployments broken on purpose: each fault is named, with what to do about it."""

import datetime as dt
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.doctor.clock import check_clock
from eval_pipeline.doctor.finding import Finding, findings_of, without_password
from eval_pipeline.doctor.packages import LIBRARIES, check_versions
from eval_pipeline.doctor.stores import check_store
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.doctor.findings import found_by
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY, moto_server


def test_where_nothing_is_wrong_nothing_failed(terminal: Terminal) -> None:
    assert found_by(terminal, "support_desk", code=0) == {}
    assert "written only if absent" in terminal("doctor").stdout.replace("\n", " ")


def test_a_store_that_cannot_be_written(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    assert "check that the folder exists" in found_by(terminal)["store"]["fix"]


def test_a_bucket_that_does_not_exist(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_server() as server:
        settings = {"ENDPOINT_URL_S3": server.endpoint, "ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY}
        for name, value in {**settings, "DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        finding = found_by(terminal, "--store", "s3://gone/team")["store"]
    assert ("NoSuchBucket" in finding["message"], "create the bucket" in finding["fix"]) == (True, True)


def test_a_store_that_overwrites_what_should_only_be_written_if_absent(tmp_path: Path) -> None:
    class Careless(LocalStore):
        def put_if_absent(self, key: str, data: bytes) -> bool:
            self.put(key, data)
            return True

    (finding,) = check_store(Careless(tmp_path))
    assert (finding.health, "conditional writes" in str(finding.fix)) == ("failed", True)


def test_a_cache_that_cannot_be_written(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "file" / "cache"))
    assert "EVAL_PIPELINE_CACHE" in found_by(terminal)["cache"]["fix"]


@pytest.mark.parametrize("home", ["", "relative/home"])
def test_a_home_that_dagster_does_not_take(terminal: Terminal, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", home)
    assert "absolute path" in found_by(terminal)["instance"]["fix"]


def test_a_configuration_that_is_wrong(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "home" / "dagster.yaml").write_text("run_coordinatr: {}\n")
    finding = found_by(terminal)["instance"]
    assert ("dagster.yaml" in finding["fix"], "Error" in finding["message"]) == (True, True)


def test_a_database_that_is_away(terminal: Terminal, tmp_path: Path, port: int) -> None:
    url = f"postgresql://eval:hunter2@127.0.0.1:{port}/dagster"
    (tmp_path / "home" / "dagster.yaml").write_text(f"storage: {{postgres: {{postgres_url: '{url}'}}}}\n")
    findings = found_by(terminal)
    assert "OperationalError" in findings["database"]["message"]
    assert "hunter2" not in str(findings)


def test_where_dagster_has_changed_one_check_fails_and_the_others_are_made(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(instance: dg.DagsterInstance) -> None:
        raise AttributeError(instance, "get_daemon_heartbeats")

    monkeypatch.setattr(dg.DagsterInstance, "get_daemon_heartbeats", property(missing))
    document: Any = terminal("doctor", "--json").document
    findings = {finding["subject"]: finding["health"] for finding in document}
    assert (findings["daemon"], findings["queue"], findings["runs"]) == ("failed", "ok", "ok")


def test_a_key_that_langsmith_refuses(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    server = RecorderServer(config=RecorderConfig(token="right")).start()
    try:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_API_KEY", "wrong")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", server.url)
        finding = found_by(terminal)["langsmith"]
    finally:
        server.stop()
    assert ("refused the key" in finding["message"], "LANGSMITH_API_KEY" in finding["fix"]) == (True, True)


def test_an_endpoint_that_is_no_langsmith(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_server() as server:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_API_KEY", "key")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", server.endpoint)
        assert "LANGSMITH_ENDPOINT" in found_by(terminal)["langsmith"]["fix"]


def test_a_model_without_a_key(terminal: Terminal, tmp_path: Path) -> None:
    suite = tmp_path / "asks"
    suite.mkdir()
    (suite / "suite.yaml").write_text("name: asks\ncases: cases.yaml\ntarget: {kind: chat, model: 'openai:gpt-4o'}\n")
    (suite / "cases.yaml").write_text("- {id: a, input: x}\n")
    finding = found_by(terminal, str(suite))["model openai:gpt-4o"]
    assert ("target of asks" in finding["message"], "provider's key" in finding["fix"]) == (True, True)


def test_a_clock_that_is_wrong() -> None:
    now = dt.datetime(2026, 5, 1, 12, 20, tzinfo=dt.UTC)
    (finding,) = check_clock("http://there", "Fri, 01 May 2026 12:00:00 GMT", now)
    assert (finding.health, finding.message) == ("failed", "1200 s ahead of http://there")
    (fine,) = check_clock("http://there", "Fri, 01 May 2026 12:19:50 GMT", now)
    assert fine.health == "ok"


def test_packages_of_other_versions_and_missing_ones() -> None:
    def installed(name: str) -> str:
        if name == "langgraph":
            raise metadata.PackageNotFoundError(name)
        return "1.12.0"

    findings = check_versions(["dagster>=1.13,<1.14", "langgraph>=1", 'moto>=5; extra == "dev"'], installed)
    assert [finding.message for finding in findings] == [
        "dagster 1.12.0 is not <1.14,>=1.13",
        "langgraph is not installed",
        *(f"{name} 1.12.0 does not go with dagster 1.12.0, but 0.28.0 does" for name in LIBRARIES),
    ]


def test_packages_of_dagster_that_are_not_of_one_release() -> None:
    versions = {"dagster": "1.13.27", "dagster-webserver": "1.13.26", "dagster-aws": "0.29.27"}

    def installed(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    (finding,) = check_versions(["dagster>=1.13"], installed)
    assert finding.message == "dagster-webserver 1.13.26 does not go with dagster 1.13.27, but 1.13.27 does"


def test_a_check_that_breaks_is_a_finding_and_hides_no_other() -> None:
    def broken() -> Iterator[Finding]:
        yield Finding(subject="a", health="ok", message="fine")
        raise RuntimeError("first line\nsecond line")

    first, second = findings_of("a", broken)
    assert (first.health, second.health, second.message) == ("ok", "failed", "RuntimeError: first line")


def test_passwords_in_urls_are_left_out() -> None:
    assert without_password("at postgresql://me:secret@host/db and redis://:pw@h") == (
        "at postgresql://…@host/db and redis://…@h"
    )
