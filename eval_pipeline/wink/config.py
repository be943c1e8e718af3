"""`LangSmithConfig`: the settings of the adapters for WINK."""

from dataclasses import dataclass, fields
from typing import Any

from langsmith import Client
from pydantic import SecretStr

from eval_pipeline.langsmith.client import make_client
from eval_pipeline.settings import LangSmithSettings, store_root
from eval_pipeline.tracing.send.flush import with_spool_of

_SAME = (
    "tracing_enabled",
    "trace_sample_rate",
    "async_upload",
    "upload_batch_size",
    "upload_interval_seconds",
    "max_queue_size",
    "hub_enabled",
    "cache_ttl_seconds",
    "cache_versioned_indefinitely",
    "evaluation_timeout_seconds",
)


@dataclass(slots=True, frozen=True)
class LangSmithConfig:
    """Configuration of the LangSmith integration. What is not given is the environment's (`LangSmithSettings`)."""

    api_key: str | None = None
    """By default LANGSMITH_API_KEY or LANGCHAIN_API_KEY."""
    api_url: str = "https://api.smith.langchain.com"
    """At its default LANGSMITH_ENDPOINT or LANGCHAIN_ENDPOINT, or without a key the local recorder."""
    project: str | None = None
    """By default LANGSMITH_PROJECT or LANGCHAIN_PROJECT."""
    tracing_enabled: bool = True
    trace_sample_rate: float = 1.0
    async_upload: bool = True
    upload_batch_size: int = 100
    upload_interval_seconds: float = 1.0
    max_queue_size: int = 10_000
    hub_enabled: bool = True
    cache_ttl_seconds: float = 300.0
    cache_versioned_indefinitely: bool = True
    evaluation_timeout_seconds: float = 300.0

    def to_settings(self) -> LangSmithSettings:
        """The settings of this package that these are."""
        settings = with_spool_of(LangSmithSettings.from_environment(), store_root())
        defaults = {field.name: field.default for field in fields(self)}
        given: dict[str, Any] = {name: getattr(self, name) for name in _SAME if getattr(self, name) != defaults[name]}
        given["upload_batch_size"] = self.upload_batch_size
        if self.project is not None:
            given["project"] = self.project
        if self.api_url != defaults["api_url"]:
            given |= {"api_url": self.api_url.rstrip("/"), "mode": "langsmith"}
        if self.api_key is not None:
            given |= {"api_key": SecretStr(self.api_key), "mode": "langsmith"}
        return LangSmithSettings.model_validate({**settings.model_dump(), **given})

    def client(self) -> Client:
        """A client of the server that prompts and datasets are read from."""
        settings = self.to_settings()
        return make_client(settings.source, settings)
