"""The sources of the shared context, as written under `context:` in `suite.yaml`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.import_path import checked_import_path
from eval_pipeline.suite.spec.expression import JmesPath


class SourceSpec(Document):
    """Fields of every source of rows."""

    redact: bool = True
    """Whether secrets and personal data in its rows are redacted. False for agents that need the true values: results
    and traces stay redacted."""


class FileSource(SourceSpec):
    """A file: CSV, JSON, JSONL or Parquet, by its suffix. A JSON object of objects becomes a table of its values."""

    tag: ClassVar[str] = "file"
    file: str
    """The file, relative to the suite's folder."""
    key: str | None = None
    """The column that rows are looked up by; for a JSON object of objects the column for its keys (by default
    `key`)."""
    text_columns: tuple[str, ...] = ()
    """For CSV: columns that stay text, such as postal codes; others become numbers or dates. `key` always stays
    text."""
    columns: tuple[str, ...] = ()
    """Columns that the file must have."""


def key_parts(value: Any) -> Any:
    """The parts of an asset's key, which may be written as one text."""
    return tuple(value.split("/")) if isinstance(value, str) else value


class AssetSource(SourceSpec):
    """An asset of the same Dagster deployment.

    It is read from the file that the metadata `path`, `uri` or `dagster/uri` of its latest materialization names, or
    else as its IO manager loads it. The context's id has its data version, and Dagster draws the dependency.
    """

    tag: ClassVar[str] = "asset"
    asset: Annotated[tuple[str, ...], BeforeValidator(key_parts)] = Field(min_length=1)
    """The key of the asset in Dagster, such as `[warehouse, prices]` or `warehouse/prices`."""
    key: str | None = None
    """The column that rows are looked up by."""
    text_columns: tuple[str, ...] = ()
    """For CSV: columns that stay text."""
    columns: tuple[str, ...] = ()
    """Columns that it must have."""


class SqlSource(SourceSpec):
    """A query in DuckDB's SQL over the tables named before it."""

    tag: ClassVar[str] = "sql"
    sql: str
    """The query."""


class DatabaseSource(SourceSpec):
    """A query to a SQL database by SQLAlchemy URL.

    `version` is a cheap query whose result changes when the data does. Without it the query itself is run each time,
    and the snapshot is reused if its rows are the same.
    """

    tag: ClassVar[str] = "database"
    database: str
    """The SQLAlchemy URL; a password stands in the environment, as `${NAME}`."""
    sql: str
    """The query."""
    version: str | None = None
    """A query whose result changes when the data does."""


class PythonSource(SourceSpec):
    """A callable, called with `args`, that returns a pyarrow table, a pandas frame or a list of mappings.

    It is called again if its source, `args` or `version` change.
    """

    tag: ClassVar[str] = "python"
    python: str
    """`file.py:attribute` of the suite's folder, or `package.module:attribute`."""
    args: Mapping[str, Any] = Field(default_factory=dict)
    """Arguments of the callable, by name."""
    version: str | None = None
    """Any text; the callable is called again when it changes."""
    version_files: tuple[str, ...] = ()
    """Files that the callable reads, which the context's id covers besides what its source imports and names:
    patterns."""

    @field_validator("python")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)


def _source_kind(data: Any) -> str | None:
    given = data if isinstance(data, Mapping) else getattr(data, "__dict__", {})
    return next((tag for tag in ("asset", "database", "file", "python", "sql") if tag in given), None)


TableSource = Annotated[
    Annotated[AssetSource, Tag("asset")]
    | Annotated[FileSource, Tag("file")]
    | Annotated[SqlSource, Tag("sql")]
    | Annotated[DatabaseSource, Tag("database")]
    | Annotated[PythonSource, Tag("python")],
    Discriminator(
        _source_kind,
        custom_error_type="source_kind",
        custom_error_message="a source needs one of `file`, `sql`, `database`, `python` or `asset`",
        custom_error_context={"fix": "add one of them"},
    ),
]


class Retrieval(Document):
    """How documents similar to each case are found, for all cases at once."""

    method: Literal["bm25", "embeddings"] = "bm25"
    """`bm25`: by words, without a model. `embeddings`: by the cosine of embeddings."""
    model: str | None = None
    """For `embeddings`: `provider:model`, or an import path to a LangChain `Embeddings`."""
    k: int = Field(default=4, ge=1)
    """How many documents are found for each case."""
    language: str = "english"
    """For `bm25`: the language of stemming and stop words."""
    query: JmesPath | None = None
    """A JMESPath into the case for the query; by default all messages of the user."""

    @model_validator(mode="after")
    def _embeddings_need_a_model(self) -> "Retrieval":
        if self.method == "embeddings" and self.model is None:
            reason = {"fix": "give `model: provider:name`, or use `method: bm25`"}
            raise PydanticCustomError("retrieval", "`method: embeddings` needs a model", reason)
        return self


class Documents(Document):
    """The documents of the context: a source, and the meaning of its columns."""

    source: TableSource
    """Where they come from."""
    id: str = "id"
    """The column of their ids."""
    text: str | tuple[str, ...] = "text"
    """A column, or several that are joined by an empty line."""
    retrieval: Retrieval = Retrieval()
    """How those similar to a case are found."""


class Patterns(Document):
    """Patterns that a chat model finds in rows of the context, once instead of once for each case."""

    name: str
    """The name by which the context gives them."""
    instruction: str
    """What the model looks for."""
    model: str
    """`provider:model`, or an import path to a LangChain chat model."""
    sql: str = "SELECT * FROM documents"
    """The rows that the model reads."""
    rows_per_call: int = Field(default=100, ge=1)
    """The most rows that one call of the model reads."""
    max_rows: int = Field(default=2_000, ge=1)
    """The most rows read in all; of more, the first are read, and the log says how many there were."""


class ContextSpec(Document):
    """The shared context: data that is queried once and read by every case."""

    tables: Mapping[str, TableSource] = Field(default_factory=dict)
    """Tables, by name; a query may read the tables before it."""
    documents: Documents | None = None
    """Documents, of which each case is given those similar to it."""
    patterns: tuple[Patterns, ...] = ()
    """Patterns that a chat model finds, once for all cases."""
    reads: Literal["tracked", "whole"] = "tracked"
    """Whether a change of the context makes only those results outdated whose attempts read what changed, or all.
    `whole` for agents that keep what they looked up for later cases, or read the context in another process."""

    @field_validator("tables")
    @classmethod
    def _names_are_plain(cls, tables: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in tables:
            if not name.isidentifier() or name in ("documents", "patterns", "similar_documents"):
                reason = {"name": name, "fix": "use letters, digits and `_`; `documents` and `patterns` are taken"}
                raise PydanticCustomError("table_name", "'{name}' cannot name a table", reason)
        return tables
