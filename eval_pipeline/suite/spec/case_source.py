"""The sources of a suite's cases, as written under `cases:` in `suite.yaml`."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.import_path import checked_import_path
from eval_pipeline.suite.spec.context import key_parts
from eval_pipeline.suite.spec.expression import JmesPath

LATEST_VERSION = "latest"


def _moment_as_text(value: Any) -> Any:
    """Convert a time that YAML parsed back to text, and check text that begins as a date: it is not a tag."""
    text = value.isoformat() if isinstance(value, dt.date) else value
    if isinstance(text, str) and re.match(r"\d{4}-\d{2}-\d{2}", text):
        try:
            dt.datetime.fromisoformat(text)
        except ValueError as error:
            reason = {"value": text, "fix": "write it as 2026-01-31T12:00:00Z, or name a tag"}
            raise PydanticCustomError("moment", "'{value}' is not a time", reason) from error
    return text


def _as_column(data: Any) -> Any:
    return {"column": data} if isinstance(data, str) else data


class Column(Document):
    """A column of another tool's file; a text is short for one without `json`."""

    column: str
    """The name of the column."""
    json_text: bool = Field(default=False, alias="json")
    """Whether its cells are JSON."""


class CheckedSource(Document):
    """A source of cases with JSON Schemas, each given here or as a file of the suite."""

    inputs_schema: Mapping[str, Any] | str | None = None
    """What every case's inputs must match."""
    reference_schema: Mapping[str, Any] | str | None = None
    """What every case's reference must match."""


_MAPPED = re.compile(
    r"id|input|split|tags|description|messages|turns|assertions|inputs|reference|metadata|runtime|attachments"
    r"|(?:inputs|reference|metadata|runtime|attachments|context|configurable|state)\..+"
)


class CaseFile(CheckedSource):
    """Files of cases: `.yaml`, `.json`, `.jsonl`, `.csv` or `.parquet`; `file` may be a glob pattern."""

    tag: ClassVar[str] = "file"
    file: str
    """The file, relative to the suite's folder, or a glob pattern."""
    columns: Mapping[str, Annotated[Column, BeforeValidator(_as_column)]] = Field(default_factory=dict)
    """For rows of another tool: by field of a case, such as `inputs.question` or `reference.answer`, the column that
    holds it. What is not named is left out. Without `id` each case's id is a hash of it."""

    @field_validator("columns")
    @classmethod
    def _are_fields_of_cases(cls, value: Mapping[str, Column]) -> Mapping[str, Column]:
        for field in value:
            if not _MAPPED.fullmatch(field):
                fix = "map columns to `id`, `input`, `inputs.NAME`, `reference.NAME`, `metadata.NAME`, `split`, `tags`"
                raise PydanticCustomError("column", "'{field}' is no field of a case", {"field": field, "fix": fix})
        return value


class AssetCases(CheckedSource):
    """An asset of the same Dagster deployment, a case a row or an item: read as `context.tables` reads assets."""

    tag: ClassVar[str] = "asset"
    asset: Annotated[tuple[str, ...], BeforeValidator(key_parts)] = Field(min_length=1)
    """The key of the asset in Dagster, such as `[warehouse, prices]` or `warehouse/prices`."""
    columns: Mapping[str, Annotated[Column, BeforeValidator(_as_column)]] = Field(default_factory=dict)
    """By field of a case the column that holds it, as for files."""


class GeneratedCases(CheckedSource):
    """Cases that a Python callable makes: it is called with `args` and yields cases as in YAML."""

    tag: ClassVar[str] = "python"
    python: str
    """`file.py:attribute` of the suite's folder, or `package.module:attribute`."""
    args: Mapping[str, Any] = Field(default_factory=dict)
    """Arguments of the callable, by name."""

    @field_validator("python")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)


class RecordedConversations(CheckedSource):
    """Conversations recorded elsewhere: a JSON list or JSONL, one conversation an item, one or more items a case.

    Every field but `recorded` is a JMESPath into an item. Items with the same `id` are attempts at one case, in the
    order of `attempt`, or else of the file.
    """

    tag: ClassVar[str] = "recorded"
    recorded: str
    """The file, relative to the suite's folder."""
    id: JmesPath = "id"
    """The case's id."""
    attempt: JmesPath | None = None
    """The number of the attempt, from 1."""
    messages: JmesPath = "messages"
    """The messages of the conversation."""
    split: JmesPath | None = None
    """The case's split; by default `base`."""
    tags: JmesPath | None = None
    """The case's tags."""
    description: JmesPath | None = None
    """The case's description."""
    reference: Mapping[str, JmesPath] = Field(default_factory=dict)
    """The case's reference, by name."""
    metadata: Mapping[str, JmesPath] = Field(default_factory=dict)
    """The case's metadata, by name."""
    data: Mapping[str, JmesPath] = Field(default_factory=dict)
    """Other data of the recorded attempt that assertions need, such as a published score."""


class LangSmithRuns(CheckedSource):
    """Root runs of a LangSmith project, or of a saved export (`.json`, `.jsonl`).

    A project is read from the server that traces go to, LangSmith or the recorder. Runs of one thread are the turns of
    one conversation, and conversations of one case its attempts.
    """

    tag: ClassVar[str] = "langsmith"
    langsmith: str
    """The name of the project, or the file of the export."""
    id: JmesPath = "extra.metadata.case_id || extra.metadata.thread_id || reference_example_id || id"
    """A JMESPath into a run: the id of the case that it is an attempt at."""
    filter: str | None = None
    """In LangSmith's filter language, such as `eq(is_root, true)`."""
    limit: int = Field(default=1_000, ge=1)
    """The most runs read from a project, newest first."""
    since: Annotated[str | None, BeforeValidator(_moment_as_text)] = None
    """Only runs that began after this time (ISO 8601), such as the time of the last import."""
    sample: float = Field(default=1.0, gt=0, le=1)
    """The share of conversations that is read; always the same ones."""
    input: JmesPath | None = None
    """A JMESPath into a run: what the target was given; by default its messages, or else its inputs."""
    output: JmesPath | None = None
    """By default its messages, or else its outputs."""
    reference: JmesPath | Mapping[str, JmesPath] | None = None
    """By default that of the run's example, if it has one."""
    split: JmesPath | None = None
    """The case's split; by default `base`."""
    metadata: Mapping[str, JmesPath] = Field(default_factory=dict)
    """The case's metadata, by name."""

    @property
    def is_export(self) -> bool:
        """Whether it names a file."""
        return self.langsmith.endswith((".json", ".jsonl"))


class LangSmithDataset(CheckedSource):
    """The examples of a LangSmith dataset, one case each; from the server that runs are sent to.

    Every field from `id` on is a JMESPath into an example: `id`, `inputs`, `outputs`, `metadata` and `split`. Datasets
    that this package wrote are loaded as the cases that they were written from, without recordings.
    """

    tag: ClassVar[str] = "langsmith_dataset"
    langsmith_dataset: str
    """The dataset's name."""
    as_of: Annotated[str, BeforeValidator(_moment_as_text)] = LATEST_VERSION
    """The version: `latest`, a tag, or a time (ISO 8601, by default in UTC)."""
    splits: tuple[str, ...] = ()
    """The splits to load; by default all."""
    id: JmesPath = "metadata.case_id || id"
    """The case's id."""
    input: JmesPath | None = None
    """The input: a text, several texts (a turn each), messages (a turn after a history), content blocks or a mapping.
    By default the inputs as a whole, of which `messages`, `input` and `question` alone are the value."""
    split: JmesPath = "split"
    """The case's split."""
    tags: JmesPath = "metadata.tags"
    """The case's tags."""
    description: JmesPath = "metadata.description"
    """The case's description."""
    assertions: JmesPath = "metadata.assertions"
    """Written as in YAML."""
    reference: Mapping[str, JmesPath] | None = None
    """By default all outputs."""
    metadata: Mapping[str, JmesPath] | None = None
    """By default all metadata that is not another field of the case."""

    @property
    def moment(self) -> dt.datetime | None:
        """The time of `as_of`; None for `latest` and for a tag."""
        if not re.match(r"\d{4}-\d{2}-\d{2}", self.as_of):
            return None
        time = dt.datetime.fromisoformat(self.as_of)
        return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


_KINDS = ("recorded", "langsmith", "langsmith_dataset", "python", "asset", "file")


def _source_kind(data: Any) -> str | None:
    given = data if isinstance(data, Mapping) else getattr(data, "__dict__", {})
    return next((tag for tag in _KINDS if tag in given), None)


def _as_mapping(data: Any) -> Any:
    return {"file": data} if isinstance(data, str) else data


CaseSource = Annotated[
    Annotated[CaseFile, Tag("file")]
    | Annotated[RecordedConversations, Tag("recorded")]
    | Annotated[LangSmithRuns, Tag("langsmith")]
    | Annotated[LangSmithDataset, Tag("langsmith_dataset")]
    | Annotated[GeneratedCases, Tag("python")]
    | Annotated[AssetCases, Tag("asset")],
    Discriminator(
        _source_kind,
        custom_error_type="source_kind",
        custom_error_message="a source of cases needs `file`, `recorded`, `langsmith`, `langsmith_dataset`, `python` "
        "or `asset`",
        custom_error_context={"fix": "add one of them"},
    ),
    BeforeValidator(_as_mapping),
]


def _as_list(data: Any) -> Any:
    return data if isinstance(data, list | tuple) else [data]


CaseSources = Annotated[tuple[CaseSource, ...], BeforeValidator(_as_list), Field(min_length=1)]
