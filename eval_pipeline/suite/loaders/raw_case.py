"""The data of a case before validation, with its place in a file or a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from eval_pipeline.langsmith.datasets import DatasetVersion
from eval_pipeline.redaction.identifiers import provider_of_key
from eval_pipeline.suite.documents.yaml_document import type_path


@dataclass(frozen=True, kw_only=True)
class ExamplePlace:
    """The LangSmith example that a case was loaded from."""

    version: DatasetVersion
    example_id: UUID


@dataclass(frozen=True, kw_only=True)
class RawCase:
    """The data of a case, and its place for error messages."""

    data: Any
    file: Path | str
    """The file, or the description of another place."""
    line: int | None = None
    """The 1-based line on which the case begins, if the format has lines."""
    lines: Mapping[type_path, int] = field(default_factory=dict)
    """The lines of the parts of `data`, by their paths, if the format has them."""
    example: ExamplePlace | None = None
    inputs_schema: Mapping[str, Any] | None = None
    """Of the LangSmith dataset."""
    reference_schema: Mapping[str, Any] | None = None

    @property
    def label(self) -> str | None:
        """The id or the name of the case as text, if it has one that may be shown."""
        case_id = (self.data.get("id") or self.data.get("name")) if isinstance(self.data, dict) else None
        return None if case_id is None or provider_of_key(str(case_id)) else str(case_id)

    def line_of(self, path: type_path) -> int | None:
        """The line of the part at `path`, or of the nearest part around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return self.line
