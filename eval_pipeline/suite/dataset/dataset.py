"""The dataset of a suite: all its cases, sorted by id, under a version that is a hash of their contents."""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pyarrow as pa
import zstandard
from pydantic import BaseModel, ConfigDict

from eval_pipeline.langsmith.datasets import DatasetVersion
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.store.content_hash import content_hash
from eval_pipeline.suite.case import Case, canonical_json, written_json
from eval_pipeline.suite.documents.gc_paused import gc_paused

CASES_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("split", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("turns", pa.int32()),
        ("recordings", pa.int32()),
        ("content_hash", pa.string()),
        ("content", pa.string()),
        ("redacted", pa.bool_()),
    ]
)


_REDACTOR = Redactor()
_BATCH_ROWS = 1_000
ROWS_AT_ONCE = 100
"""Rows whose contents are in memory as Python's texts, beside the cases that are made of them."""
_BATCH_CHARACTERS = 2_000_000
_LONG = 4_096
"""Characters of a content that is compressed in memory."""
_COMPRESSOR, _DECOMPRESSOR = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()


class DatasetOrigin(BaseModel):
    """The LangSmith dataset that all cases were loaded from, and the example of each case.

    Experiments then refer to these examples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: DatasetVersion
    """The first version that was read with these contents."""
    examples: Mapping[str, UUID]
    """By case id."""

    @property
    def identity(self) -> str:
        """Text that identifies dataset and examples; equal examples in another dataset have another identity."""
        place = f"{self.version.server} {self.version.dataset_id}"
        return "\n".join([place, *(f"{case_id} {example_id}" for case_id, example_id in sorted(self.examples.items()))])


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The cases of a suite, sorted by id."""

    cases: tuple[Case, ...]
    """The cases as they are written: they are evaluated unredacted."""
    redactor: Redactor
    """Redacts the cases that are stored."""
    origin: DatasetOrigin | None = None

    @classmethod
    def of(
        cls, cases: Sequence[Case], *, redactor: Redactor = _REDACTOR, origin: DatasetOrigin | None = None
    ) -> "Dataset":
        """The dataset of `cases`, whose ids must be distinct."""
        return cls(cases=tuple(sorted(cases, key=lambda case: case.id)), redactor=redactor, origin=origin)

    @functools.cached_property
    def version(self) -> str:
        """16 hex digits: a hash of ids, contents, redacted contents where they differ, and origin."""
        lines = []
        for (case_id, hash_), content in zip(self.hashes.items(), self._contents, strict=True):
            lines.append(f"{case_id} {hash_}")
            if content.redacted_hash is not None:
                lines.append(content.redacted_hash)
        if self.origin is not None:
            lines.append(self.origin.identity)
        return content_hash("\n".join(lines))

    @functools.cached_property
    def hashes(self) -> Mapping[str, str]:
        """The content hash of each case, by id, in order."""
        return {case.id: content.written_hash for case, content in zip(self.cases, self._contents, strict=True)}

    def to_table(self) -> pa.Table:
        """The cases as they are stored, as `batches`."""
        return pa.Table.from_batches(self.batches(_BATCH_ROWS), schema=CASES_SCHEMA)

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The cases as they are stored: one row in `CASES_SCHEMA` for each; built as they are asked for.

        `content` is the JSON of the case in the order that it is written in, redacted; `content_hash` is the hash of
        the case as it is written; `redacted` says whether something was redacted.
        """
        data: list[dict[str, Any]] = []
        size = 0
        for case, content in zip(self.cases, self._contents, strict=True):
            data.append(self._row(case, content))
            size += len(data[-1]["content"])
            if len(data) == rows or size >= _BATCH_CHARACTERS:
                yield pa.RecordBatch.from_pylist(data, schema=CASES_SCHEMA)
                data, size = [], 0
        if data:
            yield pa.RecordBatch.from_pylist(data, schema=CASES_SCHEMA)

    def _row(self, case: Case, content: "_Content") -> dict[str, Any]:
        return {
            "case_id": case.id,
            "split": self.redactor.text(case.split),
            "tags": [self.redactor.text(tag) for tag in case.tags],
            "turns": len(case.turns),
            "recordings": len(case.recordings),
            "content_hash": content.written_hash,
            "content": content.text,
            "redacted": content.redacted_hash is not None,
        }

    @functools.cached_property
    def _contents(self) -> list["_Content"]:
        return [_content(case, self.redactor) for case in self.cases]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Content:
    """The content of a case as it is stored."""

    written_hash: str
    stored: str | bytes
    """The JSON; compressed where it is long, because all cases of a dataset are in memory until they are stored."""
    redacted_hash: str | None
    """Of the canonical JSON, redacted; None where nothing was."""

    @property
    def text(self) -> str:
        """The JSON."""
        return self.stored if isinstance(self.stored, str) else _DECOMPRESSOR.decompress(self.stored).decode()


def _content(case: Case, redactor: Redactor) -> _Content:
    canonical, written = case.json_forms()
    stored = redactor.json(written.encode()).decode()
    redacted = None
    if stored != written:
        # The id stays as it is, and a case in which only the id looked like a secret is stored as it is written.
        data = {**json.loads(stored), "id": case.id}
        stored = written_json(data)
        redacted = None if stored == written else content_hash(canonical_json(data))
    packed = stored if len(stored) < _LONG else _COMPRESSOR.compress(stored.encode())
    return _Content(written_hash=content_hash(canonical), stored=packed, redacted_hash=redacted)


@dataclass(frozen=True, kw_only=True)
class DatasetChanges:
    """How a dataset differs from an earlier version, by case id, sorted."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def dataset_changes(before: Mapping[str, str], dataset: Dataset) -> DatasetChanges:
    """The changes since the version whose cases had the content hashes `before`, by id."""
    now = dataset.hashes
    return DatasetChanges(
        added=tuple(sorted(now.keys() - before.keys())),
        changed=tuple(sorted(name for name in now.keys() & before.keys() if now[name] != before[name])),
        removed=tuple(sorted(before.keys() - now.keys())),
    )


def cases_of_table(table: pa.Table) -> dict[str, Case | None]:
    """The cases in rows of `CASES_SCHEMA`, by id; None where something was redacted."""
    return cases_of_batches(table.to_batches(max_chunksize=ROWS_AT_ONCE))


@gc_paused()
def cases_of_batches(batches: Iterable[pa.RecordBatch]) -> dict[str, Case | None]:
    """As `cases_of_table`, for batches, of which one is in memory at a time."""
    cases: dict[str, Case | None] = {}
    for batch in batches:
        columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        case_ids, contents, written = (columns[name] for name in ("case_id", "content", "content_hash"))
        # Earlier versions stored canonical JSON, whose hash shows whether it was redacted.
        redacted = columns.get("redacted") or [
            content_hash(content) != hash_ for content, hash_ in zip(contents, written, strict=True)
        ]
        for case_id, content, is_redacted in zip(case_ids, contents, redacted, strict=True):
            cases[case_id] = None if is_redacted else Case.model_validate_json(content)
    return cases
