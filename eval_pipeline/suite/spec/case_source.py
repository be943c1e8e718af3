"""Where a suite's cases come from, as written under `cases:` in `suite.yaml`."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import jmespath
from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document


def _checked_jmespath(value: Any) -> Any:
    try:
        jmespath.compile(value)
    except Exception as error:
        reason = {"reason": str(error).splitlines()[0], "fix": "correct the JMESPath expression"}
        raise PydanticCustomError("jmespath", "not a JMESPath expression: {reason}", reason) from error
    return value


LATEST_VERSION = "latest"
JmesPath = Annotated[str, BeforeValidator(_checked_jmespath)]


def _moment_as_text(value: Any) -> Any:
    """YAML reads times as times. What begins as one must be one, and is no tag."""
    text = value.isoformat() if isinstance(value, dt.date) else value
    if isinstance(text, str) and re.match(r"\d{4}-\d{2}-\d{2}", text):
        try:
            dt.datetime.fromisoformat(text)
        except ValueError as error:
            reason = {"value": text, "fix": "write it as 2026-01-31T12:00:00Z, or name a tag"}
            raise PydanticCustomError("moment", "'{value}' is not a time", reason) from error
    return text


class CaseFile(Document):
    """Files of cases: `.yaml`, `.jsonl`, `.csv` or `.parquet`; `file` may be a glob."""

    tag: ClassVar[str] = "file"
    file: str


class RecordedConversations(Document):
    """Conversations recorded elsewhere: a JSON list or JSONL, one conversation an item, several items a case.

    Every field but `recorded` is a JMESPath into an item. Items with the same `id` are attempts at one case, in the
    order of `attempt`, or else of the file.
    """

    tag: ClassVar[str] = "recorded"
    recorded: str
    id: JmesPath = "id"
    attempt: JmesPath | None = None
    messages: JmesPath = "messages"
    split: JmesPath | None = None
    tags: JmesPath | None = None
    description: JmesPath | None = None
    reference: Mapping[str, JmesPath] = Field(default_factory=dict)
    metadata: Mapping[str, JmesPath] = Field(default_factory=dict)
    data: Mapping[str, JmesPath] = Field(default_factory=dict)
    """What else was recorded of the attempt and assertions need, such as a published score."""


class LangSmithRuns(Document):
    """Root runs that LangSmith recorded: a project's, or those of a saved export (`.json`, `.jsonl`).

    A project is read from the server that traces go to, LangSmith or the recorder. Runs of one thread are the turns of
    one conversation, and conversations of one case its attempts.
    """

    tag: ClassVar[str] = "langsmith"
    langsmith: str
    """The project's name, or the export's file."""
    id: JmesPath = "extra.metadata.case_id || extra.metadata.thread_id || reference_example_id || id"
    """A JMESPath into a run: which case it is an attempt at."""
    filter: str | None = None
    """In LangSmith's filter language, such as `eq(is_root, true)`."""
    limit: int = Field(default=1_000, ge=1)
    """Runs to read of a project, the newest."""

    @property
    def is_export(self) -> bool:
        """Whether it is a file."""
        return self.langsmith.endswith((".json", ".jsonl"))


class LangSmithDataset(Document):
    """The examples of a dataset on LangSmith, or on the recorder: wherever `LANGSMITH_…` says that runs go.

    Each is a case. Every field from `id` on is a JMESPath into an example: `id`, `inputs`, `outputs`, `metadata` and
    `split`. Datasets that were made from a suite of this project are read back as the cases they were made from, all
    but recordings, which are not kept there.
    """

    tag: ClassVar[str] = "langsmith_dataset"
    langsmith_dataset: str
    """The dataset's name."""
    as_of: Annotated[str, BeforeValidator(_moment_as_text)] = LATEST_VERSION
    """Which version of it: `latest`, a tag, or a time (ISO 8601, UTC unless it says otherwise)."""
    splits: tuple[str, ...] = ()
    """Those to read; by default all."""
    id: JmesPath = "metadata.case_id || id"
    input: JmesPath = "inputs.messages || inputs.input || inputs.question"
    """What the user says: a text, a list of texts, or chat messages, of which those of the user are taken."""
    split: JmesPath = "split"
    tags: JmesPath = "metadata.tags"
    description: JmesPath = "metadata.description"
    assertions: JmesPath = "metadata.assertions"
    """Written as in YAML."""
    reference: Mapping[str, JmesPath] | None = None
    """By default all outputs."""
    metadata: Mapping[str, JmesPath] | None = None
    """By default all of it that is nothing else of the case."""

    @property
    def moment(self) -> dt.datetime | None:
        """The time that `as_of` is; None for `latest` and for a tag."""
        if not re.match(r"\d{4}-\d{2}-\d{2}", self.as_of):
            return None
        found = dt.datetime.fromisoformat(self.as_of)
        return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _source_kind(data: Any) -> str | None:
    given = data if isinstance(data, Mapping) else getattr(data, "__dict__", {})
    return next((tag for tag in ("recorded", "langsmith", "langsmith_dataset", "file") if tag in given), None)


def _as_mapping(data: Any) -> Any:
    return {"file": data} if isinstance(data, str) else data


CaseSource = Annotated[
    Annotated[CaseFile, Tag("file")]
    | Annotated[RecordedConversations, Tag("recorded")]
    | Annotated[LangSmithRuns, Tag("langsmith")]
    | Annotated[LangSmithDataset, Tag("langsmith_dataset")],
    Discriminator(
        _source_kind,
        custom_error_type="source_kind",
        custom_error_message="a source of cases needs `file`, `recorded`, `langsmith` or `langsmith_dataset`",
        custom_error_context={"fix": "add the one that says where the cases are"},
    ),
    BeforeValidator(_as_mapping),
]


def _as_list(data: Any) -> Any:
    return data if isinstance(data, list | tuple) else [data]


CaseSources = Annotated[tuple[CaseSource, ...], BeforeValidator(_as_list), Field(min_length=1)]
