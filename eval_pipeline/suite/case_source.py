"""Where a suite's cases come from, as written under `cases:` in `suite.yaml`.

Belongs here: the models of case sources. Does not belong here: reading them (`suite/loaders`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import jmespath
from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.document import Document


def _checked_jmespath(value: Any) -> Any:
    try:
        jmespath.compile(value)
    except Exception as error:
        reason = {"reason": str(error).splitlines()[0], "fix": "correct the JMESPath expression"}
        raise PydanticCustomError("jmespath", "not a JMESPath expression: {reason}", reason) from error
    return value


JmesPath = Annotated[str, BeforeValidator(_checked_jmespath)]


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

    A project is read with what `LANGSMITH_API_KEY` and `LANGSMITH_ENDPOINT` say. Runs of one thread are the turns of
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


def _source_kind(data: Any) -> str | None:
    given = data if isinstance(data, Mapping) else getattr(data, "__dict__", {})
    return next((tag for tag in ("recorded", "langsmith", "file") if tag in given), None)


def _as_mapping(data: Any) -> Any:
    return {"file": data} if isinstance(data, str) else data


CaseSource = Annotated[
    Annotated[CaseFile, Tag("file")]
    | Annotated[RecordedConversations, Tag("recorded")]
    | Annotated[LangSmithRuns, Tag("langsmith")],
    Discriminator(
        _source_kind,
        custom_error_type="source_kind",
        custom_error_message="a source of cases needs `file`, `recorded` or `langsmith`",
        custom_error_context={"fix": "add the one that says where the cases are"},
    ),
    BeforeValidator(_as_mapping),
]


def _as_list(data: Any) -> Any:
    return data if isinstance(data, list | tuple) else [data]


CaseSources = Annotated[tuple[CaseSource, ...], BeforeValidator(_as_list), Field(min_length=1)]
