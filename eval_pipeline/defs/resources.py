"""The resources of assets and sensors: the store, where traces go, and the progress of a run.

Add a resource for anything that differs between a laptop, a test and a deployment, and its default to
`default_resources`. Creating a resource does no I/O. See https://docs.dagster.io/guides/build/external-resources.
"""

import contextlib
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import ConfigDict, Field

from eval_pipeline.errors import InputError
from eval_pipeline.langsmith.local_recorder import local_recorder
from eval_pipeline.pipeline.progress import QuietProgress
from eval_pipeline.redaction.logs import displayable
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import DEFAULT_STORE, LangSmithSettings, store_root
from eval_pipeline.store.opening import open_store, s3_location
from eval_pipeline.store.store import Store
from eval_pipeline.tracing.send.flush import with_spool_of

STORE, LANGSMITH, PROGRESS = "eval_store", "eval_langsmith", "eval_progress"
"""Their keys, which collide with those of no other project in the same deployment."""


class StoreResource(dg.ConfigurableResource[Store]):
    """The store of snapshots, datasets and results."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    root: str = DEFAULT_STORE
    """A folder, a `file://` URI, or `s3://bucket/prefix` (then an `S3StoreResource`)."""

    def open(self) -> Store:
        """The store."""
        return open_store(self.root)


def _setting(name: str) -> Any:
    """A field with the help text of the setting."""
    return Field(default=None, description=LangSmithSettings.model_fields[name].description)


class LangSmithResource(dg.ConfigurableResource[LangSmithSettings]):
    """Where traces go. What is not given is what the environment says (`LANGSMITH_…`), or else the default.

    Give keys as `dg.EnvVar`, never as text. Nothing is connected before it is used, in the process that uses it.
    """

    model_config = ConfigDict(extra="forbid")

    mode: str | None = _setting("mode")
    api_key: str | None = _setting("api_key")
    api_url: str | None = _setting("api_url")
    web_url: str | None = _setting("web_url")
    project: str | None = _setting("project")
    workspace_id: str | None = _setting("workspace_id")
    recorder_url: str | None = _setting("recorder_url")
    recorder_token: str | None = _setting("recorder_token")
    tracing_enabled: bool | None = _setting("tracing_enabled")
    trace_sample_rate: float | None = _setting("trace_sample_rate")
    trace_mode: str | None = _setting("trace_mode")
    graft_timing: str | None = _setting("graft_timing")
    graft_llm_as: str | None = _setting("graft_llm_as")
    hide_inputs: bool | None = _setting("hide_inputs")
    hide_outputs: bool | None = _setting("hide_outputs")
    hide_metadata: bool | None = _setting("hide_metadata")
    async_upload: bool | None = _setting("async_upload")
    upload_batch_size: int | None = _setting("upload_batch_size")
    upload_interval_seconds: float | None = _setting("upload_interval_seconds")
    max_queue_size: int | None = _setting("max_queue_size")
    hub_enabled: bool | None = _setting("hub_enabled")
    cache_ttl_seconds: float | None = _setting("cache_ttl_seconds")
    cache_versioned_indefinitely: bool | None = _setting("cache_versioned_indefinitely")
    evaluation_timeout_seconds: float | None = _setting("evaluation_timeout_seconds")
    spool_folder: str | None = _setting("spool_folder")
    spool_max_bytes: int | None = _setting("spool_max_bytes")
    connect_timeout_seconds: float | None = _setting("connect_timeout_seconds")
    request_timeout_seconds: float | None = _setting("request_timeout_seconds")
    redaction_enabled: bool | None = _setting("redaction_enabled")
    redact_phone_numbers: bool | None = _setting("redact_phone_numbers")
    redaction_patterns: dict[str, str] | None = _setting("redaction_patterns")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Find or start the home's recorder for a run that traces to it, until this resource is no longer used.

        Not in sensors and schedules, whose ticks would start one each minute; nor where the recorder's address is given
        here or in the environment: a deployment, or `eval-pipeline`, has one there. A resource with a teardown could
        not be passed to a sensor's context.
        """
        home = None if context.run is None else _home(context)
        settings = self.settings()
        if home is not None and "recorder_url" not in settings.model_fields_set:
            stack = contextlib.ExitStack()
            stack.enter_context(local_recorder(settings, home))
            weakref.finalize(self, stack.close)

    def settings(self, store: StoreResource | None = None) -> LangSmithSettings:
        """What holds in this process.

        Raises:
            InputError: a value cannot be used.
        """
        given = {name: getattr(self, name) for name in LangSmithSettings.model_fields}
        settings = LangSmithSettings.from_environment(
            **{name: value for name, value in given.items() if value is not None}
        )
        return settings if store is None else with_spool_of(settings, store.root)

    def redactor(self) -> Redactor:
        """What removes secrets and personal data from all that is stored, traced and shown.

        Raises:
            InputError: a value cannot be used.
        """
        return Redactor.of(self.settings())


def store_resource(root: str) -> StoreResource:
    """The resource of the store at `root`, of the kind that its URI requires."""
    if s3_location(root) is not None:
        from eval_pipeline.defs.s3_store_resource import S3StoreResource  # noqa: PLC0415 - importing boto3 takes a second

        return S3StoreResource(root=root)
    return StoreResource(root=root)


def _described(resource: type[LangSmithResource]) -> type[LangSmithResource]:
    """The resource, whose page in the UI says where traces go, as this process sees the environment."""
    try:
        settings = resource().settings()
    except InputError as error:
        where = f"**The settings cannot be used:** {error}"
    else:
        places = [f"{each.name} at {displayable(each.api_url)}" for each in settings.destinations]
        where = (
            f"**Traces go to** {' and '.join(places)}, project `{settings.project}`." if places else "**No traces.**"
        )
    names = {"__doc__": f"{where}\n\n{resource.__doc__}", "__module__": resource.__module__}
    return type(resource.__name__, (resource,), names)


def default_resources() -> Mapping[str, Any]:
    """The resources of a deployment that overrides none: they read the environment."""
    root = store_root()
    return {
        # Absolute, for steps of one process after an agent has changed its working folder.
        STORE: store_resource(root if "://" in root else str(Path(root).expanduser().absolute())),
        LANGSMITH: _described(LangSmithResource)(),
        PROGRESS: dg.ResourceDefinition.hardcoded_resource(QuietProgress()),
    }


def _home(context: dg.InitResourceContext) -> Path | None:
    """The folder of the instance; None if it has none."""
    instance = context.instance
    return None if instance is None or instance.is_ephemeral else Path(instance.root_directory)
