"""Every environment variable that the package reads: `PipelineSettings`, and for tracing `LangSmithSettings`.

A constructor takes what it is given and defaults; `from_environment` reads variables too. `python -m
eval_pipeline.settings` prints the reference of all of them.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import NoDecode

from eval_pipeline.environment import EnvironmentSettings, is_true, langsmith_names, variable, variables_of

Mode = Literal["recorder", "langsmith", "both", "off"]
TraceMode = Literal["grafted", "unified", "linked"]
GraftTiming = Literal["instant", "backdated"]
GraftLlmAs = Literal["chain", "llm"]
DestinationName = Literal["langsmith", "recorder"]
HiddenField = Literal["inputs", "outputs", "metadata"]
HIDDEN_FIELDS: tuple[HiddenField, ...] = get_args(HiddenField)

STORE_VARIABLE = "EVAL_PIPELINE_STORE"
SUITES_VARIABLE = "EVAL_PIPELINE_SUITES"
CACHE_VARIABLE = "EVAL_PIPELINE_CACHE"
LIMITS_VARIABLE = "EVAL_PIPELINE_LIMITS"
PRICES_VARIABLE = "EVAL_PIPELINE_PRICES"
TASK_VARIABLE = "EVAL_PIPELINE_TASK"
RECORDER_URL_VARIABLE = "EVAL_PIPELINE_RECORDER_URL"
SPOOL_VARIABLE = "EVAL_PIPELINE_SPOOL"
UI_URL_VARIABLE = "EVAL_PIPELINE_UI_URL"

DEFAULT_STORE = "./data"
DEFAULT_RECORDER_URL = "http://127.0.0.1:1984"
DEFAULT_SPOOL_FOLDER = Path("data/trace_spool")
_MIB = 1024 * 1024


class PipelineSettings(EnvironmentSettings):
    """The settings of the package as a whole."""

    store: str | None = variable(STORE_VARIABLE)
    """Where datasets, snapshots and results are stored: a folder, or `s3://bucket/prefix` (credentials and endpoint as
    for every AWS client, such as `AWS_ENDPOINT_URL_S3`). By default `./data`; workers have no default."""
    suites: Annotated[tuple[Path, ...], NoDecode] = variable(SUITES_VARIABLE, default=())
    """Folders of further suites, or folders that hold such folders, separated as in `PATH`. Each must exist."""
    cache: Path | None = variable(CACHE_VARIABLE)
    """The folder of warm copies of snapshots, of prompts and of cached model calls on this host. By default the user's
    cache folder."""
    limits: SecretStr | None = variable(LIMITS_VARIABLE)
    """A server through which processes share a provider's limits, so that `requests_per_minute`, `tokens_per_minute`,
    `fleet_concurrency`, a 429's Retry-After and `budget_of: experiment` hold for all of them together: `redis://…`
    (with `eval_pipeline[redis]`) or `postgresql://…` (`eval_pipeline[postgres]`). While it cannot be reached each
    process keeps to its part. By default each process keeps its own limits."""
    prices: Path | None = variable(PRICES_VARIABLE)
    """A CSV file of model prices, which come before those of `genai-prices`."""
    webhook: SecretStr | None = variable("EVAL_PIPELINE_WEBHOOK")
    """The URL that a suite's sensors post to, unless suite.yaml names another variable (`webhook_variable`)."""
    ui_url: str | None = variable(UI_URL_VARIABLE)
    """The address of the Dagster UI, for links to runs. By default `http://127.0.0.1:3000` in reports, and no links in
    messages."""
    api_token: SecretStr | None = variable("EVAL_PIPELINE_API_TOKEN")
    """The key or password that `eval-pipeline serve` asks its clients for."""
    task: str | None = variable(TASK_VARIABLE)
    """What `eval-pipeline-worker` evaluates when it gets no argument: a task as JSON, its key in the store, a file, or
    `s3://bucket/key`."""
    dagster_home: Path | None = variable("DAGSTER_HOME")
    """The folder of the Dagster instance. By default `./.dagster_home`."""
    code_location: str = variable("EVAL_PIPELINE_CODE_LOCATION", default="eval_pipeline")
    """The code location of Dagster that has the suites: the UI lists the runs of terminals under its jobs."""
    dagster_event_batch_size: int | None = variable("DAGSTER_EVENT_BATCH_SIZE", ge=0)
    """How many events Dagster writes at once. `eval-pipeline` sets 1000 for the runs that it launches."""
    aws_lambda_runtime_api: str | None = variable("AWS_LAMBDA_RUNTIME_API")
    """Set by AWS Lambda. Handlers then keep their cache and their spool in the temporary folder."""

    @field_validator("suites", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


def store_root() -> str:
    """The store: `EVAL_PIPELINE_STORE`, or `./data`."""
    return PipelineSettings.from_environment().store or DEFAULT_STORE


def cache_folder() -> Path:
    """The folder of this host's caches: `EVAL_PIPELINE_CACHE`, or the user's cache folder."""
    return PipelineSettings.from_environment().cache or platformdirs.user_cache_path("eval_pipeline", appauthor=False)


class Destination(BaseModel):
    """One server that runs are sent to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: DestinationName
    api_url: str
    web_url: str
    api_key: SecretStr


class LangSmithSettings(EnvironmentSettings):
    """The settings of tracing, of the Prompt Hub and of redaction. Frozen, and without secrets in its `repr`."""

    api_key: SecretStr | None = variable(*langsmith_names("API_KEY"))
    """The key of LangSmith's API."""
    mode: Mode = variable(
        "EVAL_PIPELINE_TRACING",
        "LANGSMITH_MODE",
        "LANGCHAIN_MODE",
        default_factory=lambda given: "langsmith" if given.get("api_key") else "recorder",
    )
    """Where traces go: `langsmith`, the local `recorder`, `both`, or `off`. By default `langsmith` with an API key,
    else `recorder`."""
    api_url: str = variable(*langsmith_names("ENDPOINT"), default="https://api.smith.langchain.com")
    """The address of LangSmith's API."""
    web_url: str | None = variable("EVAL_PIPELINE_WEB_URL")
    """The address of LangSmith's pages. By default it follows from `api_url`."""
    project: str | None = variable(*langsmith_names("PROJECT"))
    """The project of the shared context's own trace; each experiment has a project of its own."""
    workspace_id: str | None = variable(*langsmith_names("WORKSPACE_ID"))
    """The workspace, for a key of an organization."""
    recorder_url: str = variable(RECORDER_URL_VARIABLE, default=DEFAULT_RECORDER_URL)
    """The address of the recorder."""
    recorder_token: SecretStr | None = variable("EVAL_PIPELINE_RECORDER_TOKEN")
    """The key that the recorder asks its clients for."""

    tracing_enabled: Annotated[bool, BeforeValidator(is_true)] = variable(
        *langsmith_names("TRACING_V2", "TRACING"), default=True
    )
    """Whether attempts are traced."""
    trace_sample_rate: float = variable(*langsmith_names("TRACING_SAMPLING_RATE"), default=1.0, ge=0, le=1)
    """The share of traces that is sent, from 0 to 1."""
    hide_inputs: Annotated[bool, BeforeValidator(is_true)] = variable(*langsmith_names("HIDE_INPUTS"), default=False)
    """Whether the inputs of runs stay here; nothing of them is sent."""
    hide_outputs: Annotated[bool, BeforeValidator(is_true)] = variable(*langsmith_names("HIDE_OUTPUTS"), default=False)
    """Whether the outputs of runs stay here; nothing of them is sent."""
    hide_metadata: Annotated[bool, BeforeValidator(is_true)] = variable(
        *langsmith_names("HIDE_METADATA"), default=False
    )
    """Whether the metadata of runs stays here; nothing of it is sent."""
    async_upload: bool = variable("EVAL_PIPELINE_ASYNC_UPLOAD", default=True)
    """Whether a thread sends runs while attempts go on. Without it each attempt waits until its runs are sent, or
    spooled."""
    upload_batch_size: int = variable("EVAL_PIPELINE_UPLOAD_BATCH_SIZE", default=500, ge=1)
    """The most runs, or feedback, of one request. A server that takes fewer (`size_limit` of its `/info`) gets
    fewer."""
    upload_interval_seconds: float = variable("EVAL_PIPELINE_UPLOAD_INTERVAL_SECONDS", default=1.0, gt=0)
    """The longest that a run waits for others to be sent with."""
    max_queue_size: int = variable(*langsmith_names("TRACING_QUEUE_MAX_SIZE"), default=10_000, ge=1)
    """The most runs and feedback in memory that wait to be sent; more go to the spool."""

    hub_enabled: bool = variable("EVAL_PIPELINE_HUB_ENABLED", default=True)
    """Whether prompts are fetched from the Prompt Hub, or from what is cached of it. Without it only files are used."""
    cache_ttl_seconds: float = variable("EVAL_PIPELINE_CACHE_TTL_SECONDS", default=300.0, ge=0)
    """How long a cached prompt of a tag is used before the Prompt Hub is asked again."""
    cache_versioned_indefinitely: bool = variable("EVAL_PIPELINE_CACHE_VERSIONED_INDEFINITELY", default=True)
    """Whether a cached prompt of a commit is used indefinitely; else it expires as one of a tag does."""
    evaluation_timeout_seconds: float = variable("EVAL_PIPELINE_EVALUATION_TIMEOUT_SECONDS", default=300.0, gt=0)
    """The longest that one attempt may take, judges included, unless suite.yaml says so (`evaluation.timeout_s`)."""

    trace_mode: TraceMode = variable("EVAL_PIPELINE_TRACE_MODE", default="grafted")
    """What a case's trace holds of the shared context's: copies of its runs (`grafted`), the same trace (`unified`), or
    a link (`linked`)."""
    graft_timing: GraftTiming = variable("EVAL_PIPELINE_GRAFT_TIMING", default="instant")
    """`instant`: copies take no time, so that a trace's latency is the attempt's. `backdated`: copies take the time of
    the originals, and the trace starts as much earlier."""
    graft_llm_as: GraftLlmAs = variable("EVAL_PIPELINE_GRAFT_LLM_AS", default="chain")
    """The run type of copied model calls. `chain` never costs tokens; `llm` shows messages better, and states that it
    used none."""

    spool_folder: Path = variable(SPOOL_VARIABLE, default=DEFAULT_SPOOL_FOLDER)
    """The folder of traces that could not be sent. By default `trace_spool` in the store, where that is a folder."""
    spool_max_bytes: int = variable("EVAL_PIPELINE_SPOOL_MAX_BYTES", default=1024 * _MIB, ge=0)
    """The most bytes in the spool; beyond them traces are dropped, and counted."""
    connect_timeout_seconds: float = variable("EVAL_PIPELINE_CONNECT_TIMEOUT_SECONDS", default=3.0, gt=0)
    """The longest that a connection to a server may take."""
    request_timeout_seconds: float = variable("EVAL_PIPELINE_REQUEST_TIMEOUT_SECONDS", default=10.0, gt=0)
    """The longest that a server may take to answer."""

    redaction_enabled: bool = variable("EVAL_PIPELINE_REDACTION", default=True)
    """Whether secrets and personal data are removed from what is stored, traced, logged and shown."""
    redact_phone_numbers: bool = variable("EVAL_PIPELINE_REDACT_PHONE_NUMBERS", default=False)
    """Whether telephone numbers are removed too."""
    redaction_patterns: Mapping[str, str] = variable("EVAL_PIPELINE_REDACTION_PATTERNS", default_factory=dict)
    """Your own patterns, as JSON: a name and a regular expression each; a match becomes `[redacted:<name>]`."""

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
        """The servers that runs are sent to; links lead to the first."""
        if self.mode == "off" or not self.tracing_enabled:
            return ()
        both = (self._langsmith, self._recorder)
        return both if self.mode == "both" else tuple(server for server in both if server.name == self.mode)

    @property
    def hidden_fields(self) -> frozenset[HiddenField]:
        """What is not sent of runs."""
        return frozenset(name for name in HIDDEN_FIELDS if getattr(self, f"hide_{name}"))

    @property
    def source(self) -> Destination:
        """The server that datasets and prompts are read from, whether or not attempts are traced."""
        langsmith = self.mode in ("langsmith", "both") or (self.mode == "off" and self.api_key is not None)
        return self._langsmith if langsmith else self._recorder

    @property
    def _langsmith(self) -> Destination:
        web_url = self.web_url or web_url_of(self.api_url)
        key = self.api_key or SecretStr("")
        return Destination(name="langsmith", api_url=self.api_url, web_url=web_url, api_key=key)

    @property
    def _recorder(self) -> Destination:
        # The SDK requires a key; a recorder on loopback accepts any.
        key = self.recorder_token or SecretStr("recorder")
        return Destination(name="recorder", api_url=self.recorder_url, web_url=self.recorder_url, api_key=key)

    def to_environment(self) -> dict[str, str]:
        """Variables that give another process on this machine these settings, with the spool in the same folder.

        Whether it traces is left out: each task of a worker says so itself.
        """
        values: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        values |= {"spool_folder": self.spool_folder.resolve(), "tracing_enabled": None}
        return {
            variables_of(type(self).model_fields[name])[0]: _text(value)
            for name, value in values.items()
            if value not in (None, {})
        }


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    return str(value)


def web_url_of(api_url: str) -> str:
    """The address of the pages that belong to `api_url`: without `api.` and `/api[/v1]`."""
    without_path = re.sub(r"(/api)?(/v1)?/?$", "", api_url)
    return re.sub(r"^(https?://(?:[a-z0-9-]+\.)??)api\.", r"\1", without_path)


def environment_variable(name: str) -> str | None:
    """A variable whose name the user chose, in suite.yaml or in dagster.yaml; None where it is empty or not set."""
    return os.environ.get(name, "").strip() or None


_TYPES = {str: "text", SecretStr: "secret", Path: "path", int: "integer", float: "number", bool: "boolean"}


def reference() -> str:
    """The Markdown tables of all settings: variable, field of the resource `eval_langsmith`, type, default, meaning."""
    return "\n\n".join(
        f"### {title}\n\n" + "\n".join(_rows(settings, resource=settings is LangSmithSettings))
        for title, settings in (
            ("The package", PipelineSettings),
            ("Tracing, prompts and redaction", LangSmithSettings),
        )
    )


def _rows(settings: type[EnvironmentSettings], *, resource: bool) -> Iterator[str]:
    header = ["variable", *(["field of the resource"] if resource else []), "type", "default", "meaning"]
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for name, field in settings.model_fields.items():
        variables = " or ".join(f"`{variable}`" for variable in variables_of(field))
        cells = [variables, *([f"`{name}`"] if resource else []), _type_of(field), _default_of(field)]
        yield f"| {' | '.join(cells)} | {' '.join((field.description or '').split())} |"


def _type_of(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    if get_origin(field.annotation) is tuple:
        return "paths"
    kind: Any = next(iter(get_args(field.annotation)), field.annotation)
    return "JSON" if get_origin(field.annotation) is Mapping else _TYPES.get(kind, "text")


def _default_of(field: FieldInfo) -> str:
    if (default := field.default) in (None, (), PydanticUndefined):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    sys.stdout.write(reference() + "\n")
