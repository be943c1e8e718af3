"""Where settings come from, and that every variable is documented."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

import eval_pipeline
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.environment import variables_of
from eval_pipeline.errors import InputError
from eval_pipeline.settings import (
    LangSmithSettings,
    PipelineSettings,
    cache_folder,
    reference,
    store_root,
    web_url_of,
)

PACKAGE = Path(eval_pipeline.__file__).parent
READS = re.compile(r"os\.environ(\.get\(|\[[^]]+\](?! = ))|getenv\(|in os\.environ")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in (LangSmithSettings, PipelineSettings):
        for field in settings.model_fields.values():
            for variable in variables_of(field):
                monkeypatch.delenv(variable, raising=False)


def with_environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> LangSmithSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return LangSmithSettings.from_environment()


def test_without_a_key_traces_go_to_the_recorder() -> None:
    settings = LangSmithSettings.from_environment()
    assert settings.mode == "recorder"
    assert [destination.api_url for destination in settings.destinations] == ["http://127.0.0.1:1984"]


@pytest.mark.parametrize("name", ["LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"])
def test_with_a_key_they_go_to_langsmith(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_environment(monkeypatch, **{name: "lsv2_secret"})
    assert settings.mode == "langsmith"
    assert settings.destinations[0].web_url == "https://smith.langchain.com"
    assert "lsv2_secret" not in repr(settings)
    assert "lsv2_secret" not in repr(settings.destinations)


def test_the_defaults_are_those_of_the_seed_but_for_larger_requests() -> None:
    settings = LangSmithSettings()
    assert settings.api_url == "https://api.smith.langchain.com"
    assert (settings.tracing_enabled, settings.trace_sample_rate, settings.async_upload) == (True, 1.0, True)
    assert (settings.upload_batch_size, settings.upload_interval_seconds, settings.max_queue_size) == (500, 1.0, 10000)
    assert (settings.hub_enabled, settings.cache_ttl_seconds, settings.cache_versioned_indefinitely) == (
        True,
        300,
        True,
    )
    assert settings.evaluation_timeout_seconds == 300


def test_the_newer_names_win_and_the_older_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_environment(
        monkeypatch,
        LANGCHAIN_ENDPOINT="http://old/api",
        LANGSMITH_ENDPOINT="http://new/api/",
        LANGCHAIN_PROJECT="p",
        LANGSMITH_PROJECT=" ",
        LANGSMITH_TRACING_SAMPLING_RATE="0.5",
    )
    assert (settings.api_url, settings.project, settings.trace_sample_rate) == ("http://new/api", "p", 0.5)


@pytest.mark.parametrize(
    ("value", "enabled"), [("true", True), ("True", True), ("1", True), ("false", False), ("local", False)]
)
def test_yes_may_be_written_in_any_way(value: str, enabled: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter of the test
    settings = with_environment(monkeypatch, LANGSMITH_TRACING=value)
    assert settings.tracing_enabled is enabled
    assert bool(settings.destinations) is enabled


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_API_KEY", "a")
    settings = LangSmithSettings.from_environment(mode="both", api_key=SecretStr("b"))
    assert [destination.name for destination in settings.destinations] == ["langsmith", "recorder"]
    assert settings.destinations[0].api_key.get_secret_value() == "b"


@pytest.mark.parametrize("wrong", [{"trace_sample_rate": 2}, {"api_url": "smith"}, {"mode": "x"}, {"unknown": 1}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LangSmithSettings.model_validate(wrong)


def test_a_wrong_variable_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGCHAIN_TRACING_SAMPLING_RATE", "often")
    monkeypatch.setenv("EVAL_PIPELINE_TRACE_MODE", "all")
    with pytest.raises(InputError) as refused:
        LangSmithSettings.from_environment(cache_ttl_seconds=-1)
    fixes = {problem.field: problem.fix for problem in refused.value.problems}
    assert fixes.keys() == {"trace_sample_rate", "trace_mode", "cache_ttl_seconds"}
    assert "LANGCHAIN_TRACING_SAMPLING_RATE" in fixes["trace_sample_rate"]
    assert "EVAL_PIPELINE_CACHE_TTL_SECONDS" in fixes["cache_ttl_seconds"]


def test_patterns_are_read_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_environment(monkeypatch, EVAL_PIPELINE_REDACTION_PATTERNS='{"customer": "C-\\\\d+"}')
    assert settings.redaction_patterns == {"customer": r"C-\d+"}
    with pytest.raises(InputError, match="redaction_patterns"):
        with_environment(monkeypatch, EVAL_PIPELINE_REDACTION_PATTERNS="C-1")


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.smith.langchain.com", "https://smith.langchain.com"),
        ("https://eu.api.smith.langchain.com", "https://eu.smith.langchain.com"),
        ("https://langsmith.example.org/api/v1", "https://langsmith.example.org"),
        ("http://127.0.0.1:1984", "http://127.0.0.1:1984"),
    ],
)
def test_the_pages_address_follows_from_the_apis(api: str, web: str) -> None:
    assert web_url_of(api) == web


ANOTHER: dict[str, Any] = {
    "mode": "both",
    "api_key": "k",
    "api_url": "https://ls.example.org/api",
    "web_url": "https://ls.example.org/pages",
    "project": "p",
    "workspace_id": "w",
    "recorder_url": "http://127.0.0.1:7",
    "recorder_token": "t",
    "tracing_enabled": False,
    "trace_sample_rate": 0.25,
    "hide_inputs": True,
    "hide_outputs": True,
    "hide_metadata": True,
    "async_upload": False,
    "upload_batch_size": 7,
    "upload_interval_seconds": 0.5,
    "max_queue_size": 70,
    "hub_enabled": False,
    "cache_ttl_seconds": 1.5,
    "cache_versioned_indefinitely": False,
    "evaluation_timeout_seconds": 2.5,
    "trace_mode": "linked",
    "graft_timing": "backdated",
    "graft_llm_as": "llm",
    "spool_folder": "/spool",
    "spool_max_bytes": 9,
    "connect_timeout_seconds": 0.1,
    "request_timeout_seconds": 0.2,
    "redaction_enabled": False,
    "redact_phone_numbers": True,
    "redaction_patterns": {"customer": "C-1"},
}
"""A value other than the default for every field."""


def test_every_field_can_be_set_from_dagster() -> None:
    assert ANOTHER.keys() == LangSmithSettings.model_fields.keys()
    settings = LangSmithResource(**ANOTHER).settings()
    assert settings == LangSmithSettings.model_validate(ANOTHER)
    assert [name for name in ANOTHER if getattr(settings, name) == getattr(LangSmithSettings(), name)] == []


def test_every_field_can_be_set_from_the_environment_and_reaches_another_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = LangSmithSettings.model_validate({**ANOTHER, "tracing_enabled": True})
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    read = LangSmithSettings.from_environment()
    assert [name for name in ANOTHER if getattr(read, name) != getattr(settings, name)] == []
    assert read == settings
    assert not with_environment(monkeypatch, LANGSMITH_TRACING="false").tracing_enabled


def test_the_packages_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert store_root() == "./data"
    assert cache_folder().name == "eval_pipeline"
    monkeypatch.setenv("EVAL_PIPELINE_STORE", "s3://bucket/x")
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path))
    monkeypatch.setenv("EVAL_PIPELINE_SUITES", "a::b/c")
    assert (store_root(), cache_folder()) == ("s3://bucket/x", tmp_path)
    assert PipelineSettings.from_environment().suites == (Path("a"), Path("b/c"))


def test_no_other_module_reads_the_environment() -> None:
    allowed = {
        "environment.py",
        "settings.py",
        "langsmith/ambient_tracing.py",  # replaces the switches of LangSmith and LangChain, and puts them back
        "targets/graphs/project.py",  # sets the variables of a langgraph.json, as `langgraph dev` does
        "suite/documents/yaml_document.py",  # `${VAR}` in suite.yaml names any variable
        "serving/loopback.py",  # the proxies of other programs, `NO_PROXY`
        "suite/code/version.py",  # variables that the code of a suite reads are a part of its version
        "langsmith/local_recorder.py",  # sets the recorder's address for the processes of a run, and takes it back
    }
    reading = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if READS.search(file.read_text(encoding="utf-8"))
    }
    assert reading <= allowed


def test_every_variable_that_the_package_names_is_documented() -> None:
    documented = {
        variable
        for settings in (LangSmithSettings, PipelineSettings)
        for field in settings.model_fields.values()
        for variable in variables_of(field)
    }
    named: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        strings = (node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant))
        named |= {text for text in strings if isinstance(text, str) and re.fullmatch(r"EVAL_PIPELINE_[A-Z_]+", text)}
    assert named <= documented
    assert all(f"`{variable}`" in reference() for variable in documented)


def test_the_document_has_the_tables_that_the_settings_make() -> None:
    document = (PACKAGE.parent / "docs" / "settings.md").read_text()
    assert reference() in document, "python -m eval_pipeline.settings prints them"


def test_every_setting_says_what_it_does() -> None:
    fields = {**LangSmithSettings.model_fields, **PipelineSettings.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []
