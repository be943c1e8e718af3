"""Where settings come from."""

import pytest
from pydantic import SecretStr, ValidationError

from eval_pipeline.settings import LangSmithSettings, web_url_of


def test_without_a_key_traces_go_to_the_recorder() -> None:
    settings = LangSmithSettings.from_environment({})
    assert settings.mode == "recorder"
    assert [destination.api_url for destination in settings.destinations] == ["http://127.0.0.1:1984"]


@pytest.mark.parametrize("name", ["LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"])
def test_with_a_key_they_go_to_langsmith(name: str) -> None:
    settings = LangSmithSettings.from_environment({name: "lsv2_secret"})
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


def test_the_newer_names_win_and_the_older_are_understood() -> None:
    settings = LangSmithSettings.from_environment(
        {
            "LANGCHAIN_ENDPOINT": "http://old/api",
            "LANGSMITH_ENDPOINT": "http://new/api/",
            "LANGCHAIN_PROJECT": "p",
            "LANGSMITH_PROJECT": " ",
            "LANGSMITH_TRACING_SAMPLING_RATE": "0.5",
        }
    )
    assert (settings.api_url, settings.project, settings.trace_sample_rate) == ("http://new/api", "p", 0.5)


@pytest.mark.parametrize(("value", "enabled"), [("true", True), ("True", True), ("1", True), ("false", False)])
def test_yes_may_be_written_in_any_way(value: str, enabled: bool) -> None:  # noqa: FBT001 - a parameter of the test
    settings = LangSmithSettings.from_environment({"LANGSMITH_TRACING": value})
    assert settings.tracing_enabled is enabled
    assert bool(settings.destinations) is enabled


def test_what_is_given_wins_over_the_environment() -> None:
    settings = LangSmithSettings.from_environment({"LANGSMITH_API_KEY": "a"}, mode="both", api_key=SecretStr("b"))
    assert [destination.name for destination in settings.destinations] == ["langsmith", "recorder"]
    assert settings.destinations[0].api_key.get_secret_value() == "b"


@pytest.mark.parametrize("wrong", [{"trace_sample_rate": 2}, {"api_url": "smith"}, {"mode": "x"}, {"unknown": 1}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LangSmithSettings.model_validate(wrong)


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
