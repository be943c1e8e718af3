"""LangSmith and the recorder: where they are, and how runs go there: in what form, how fast, what is kept meanwhile."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

Mode = Literal["recorder", "langsmith", "both", "off"]
TraceMode = Literal["grafted", "unified", "linked"]
GraftTiming = Literal["instant", "backdated"]
GraftLlmAs = Literal["chain", "llm"]
DestinationName = Literal["langsmith", "recorder"]

DEFAULT_RECORDER_URL = "http://127.0.0.1:1984"
RECORDER_URL_VARIABLE = "EVAL_PIPELINE_RECORDER_URL"
DEFAULT_SPOOL_FOLDER = Path("data/trace_spool")
_MIB = 1024 * 1024
_TRUE = frozenset({"1", "true", "yes", "on"})


class Destination(BaseModel):
    """One server that runs are sent to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: DestinationName
    api_url: str
    web_url: str
    api_key: SecretStr


class LangSmithSettings(BaseModel):
    """Everything about tracing that can be set. Frozen, and without secrets in its `repr`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = "recorder"
    api_key: SecretStr | None = None
    api_url: str = "https://api.smith.langchain.com"
    web_url: str | None = None
    """Where people look; by default worked out from `api_url`."""
    project: str | None = None
    """Where the shared context's own trace goes; experiments have projects of their own."""
    workspace_id: str | None = None
    recorder_url: str = DEFAULT_RECORDER_URL
    recorder_token: SecretStr | None = None

    tracing_enabled: bool = True
    trace_sample_rate: float = Field(default=1.0, ge=0, le=1)
    async_upload: bool = True
    """False: whoever hands runs over waits until they were sent or spooled."""
    upload_batch_size: int = Field(default=500, ge=1)
    """Runs, or feedback, of one request at most. The SDK waits for 100, and sends whatever is there then; a request of
    500 costs both sides little more than one of 100."""
    upload_interval_seconds: float = Field(default=1.0, gt=0)
    max_queue_size: int = Field(default=10_000, ge=1)
    """Runs and feedback that wait; what comes beyond goes to the spool."""

    hub_enabled: bool = True
    cache_ttl_seconds: float = Field(default=300.0, ge=0)
    cache_versioned_indefinitely: bool = True
    evaluation_timeout_seconds: float = Field(default=300.0, gt=0)

    trace_mode: TraceMode = "grafted"
    graft_timing: GraftTiming = "instant"
    graft_llm_as: GraftLlmAs = "chain"

    spool_folder: Path = DEFAULT_SPOOL_FOLDER
    spool_max_bytes: int = Field(default=1024 * _MIB, ge=0)
    connect_timeout_seconds: float = Field(default=3.0, gt=0)
    request_timeout_seconds: float = Field(default=10.0, gt=0)

    redaction_enabled: bool = True
    redact_phone_numbers: bool = False
    redaction_patterns: Mapping[str, str] = Field(default_factory=dict)
    """Your own: name to regular expression; what matches becomes `[redacted:<name>]`."""

    @field_validator("redaction_patterns")
    @classmethod
    def _are_patterns(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name, pattern in value.items():
            if not re.fullmatch(r"[a-z0-9_]+", name):
                raise ValueError(f"{name!r} cannot name a redaction: use lower-case letters, digits and `_`")
            try:
                matches_nothing = re.compile(pattern).search("") is not None
            except re.error as error:
                raise ValueError(f"{name}: {pattern!r} is not a regular expression: {error}") from error
            if matches_nothing:
                raise ValueError(f"{name}: {pattern!r} matches the empty text")
        return value

    @field_validator("api_url", "web_url", "recorder_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/\s]+", value):
            raise ValueError(f"{value!r} is not an http(s) URL")
        return value if value is None else value.rstrip("/")

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """The servers that runs go to, the one whose URLs are shown first."""
        if self.mode == "off" or not self.tracing_enabled:
            return ()
        both = (self._langsmith, self._recorder)
        return both if self.mode == "both" else tuple(found for found in both if found.name == self.mode)

    @property
    def source(self) -> Destination:
        """The server that datasets are read from, whether or not runs are traced."""
        langsmith = self.mode in ("langsmith", "both") or (self.mode == "off" and self.api_key is not None)
        return self._langsmith if langsmith else self._recorder

    @property
    def _langsmith(self) -> Destination:
        web_url = self.web_url or web_url_of(self.api_url)
        key = self.api_key or SecretStr("")
        return Destination(name="langsmith", api_url=self.api_url, web_url=web_url, api_key=key)

    @property
    def _recorder(self) -> Destination:
        # The SDK will not speak without a key; a recorder on loopback takes any.
        key = self.recorder_token or SecretStr("recorder")
        return Destination(name="recorder", api_url=self.recorder_url, web_url=self.recorder_url, api_key=key)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> "LangSmithSettings":
        """Settings from `LANGSMITH_*`, else the older `LANGCHAIN_*`, else defaults; `given` wins over both.

        Without `mode`, LangSmith is used when there is a key and the recorder when there is none. `true`, `True` and
        `1` all mean yes, which the SDK itself reads more narrowly.
        """
        source = os.environ if environment is None else environment
        found = {name: value for name, keys in _VARIABLES.items() if (value := _first(source, keys)) is not None}
        if (tracing := _first(source, _TRACING)) is not None:
            found["tracing_enabled"] = str(tracing.lower() in _TRUE)
        merged: dict[str, Any] = {**found, **given}
        merged.setdefault("mode", "langsmith" if merged.get("api_key") else "recorder")
        return cls.model_validate(merged)

    def to_environment(self) -> dict[str, str]:
        """What makes another process of this machine find the same servers, and spool to the same folder."""
        found = {
            "EVAL_PIPELINE_TRACING": self.mode,
            "LANGSMITH_API_KEY": self.api_key.get_secret_value() if self.api_key else "",
            "LANGSMITH_ENDPOINT": self.api_url,
            "LANGSMITH_PROJECT": self.project or "",
            "LANGSMITH_WORKSPACE_ID": self.workspace_id or "",
            RECORDER_URL_VARIABLE: self.recorder_url,
            "EVAL_PIPELINE_RECORDER_TOKEN": self.recorder_token.get_secret_value() if self.recorder_token else "",
            "EVAL_PIPELINE_SPOOL": str(self.spool_folder.resolve()),
        }
        return {name: value for name, value in found.items() if value}


def web_url_of(api_url: str) -> str:
    """Where people look at what was sent to `api_url`: `api.` and `/api[/v1]` are not in it."""
    without_path = re.sub(r"(/api)?(/v1)?/?$", "", api_url)
    return re.sub(r"^(https?://(?:[a-z0-9-]+\.)??)api\.", r"\1", without_path)


def _both(name: str) -> tuple[str, str]:
    return f"LANGSMITH_{name}", f"LANGCHAIN_{name}"


_VARIABLES = {
    "mode": ("EVAL_PIPELINE_TRACING", *_both("MODE")),
    "api_key": _both("API_KEY"),
    "api_url": _both("ENDPOINT"),
    "project": _both("PROJECT"),
    "workspace_id": _both("WORKSPACE_ID"),
    "trace_sample_rate": _both("TRACING_SAMPLING_RATE"),
    "max_queue_size": _both("TRACING_QUEUE_MAX_SIZE"),
    "recorder_url": (RECORDER_URL_VARIABLE,),
    "recorder_token": ("EVAL_PIPELINE_RECORDER_TOKEN",),
    "trace_mode": ("EVAL_PIPELINE_TRACE_MODE",),
    "spool_folder": ("EVAL_PIPELINE_SPOOL",),
    "redaction_enabled": ("EVAL_PIPELINE_REDACTION",),
}
_TRACING = ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING")


def _first(source: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((source[name].strip() for name in names if source.get(name, "").strip()), None)
