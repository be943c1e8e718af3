"""What every loader yields: the data of a case before validation, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from eval_pipeline.langsmith.datasets import DatasetVersion
from eval_pipeline.suite.documents.yaml_document import type_path


@dataclass(frozen=True, kw_only=True)
class ExamplePlace:
    """The example that a case is."""

    version: DatasetVersion
    example_id: UUID


@dataclass(frozen=True, kw_only=True)
class RawCase:
    """The data of one case and its place."""

    data: Any
    file: Path | str
    """Or what to say of a place that is none."""
    line: int | None = None
    """1-based line where the case begins, if the format has lines."""
    lines: Mapping[type_path, int] = field(default_factory=dict)
    """Lines of the parts of `data`, by their path in it, if the format knows them."""
    example: ExamplePlace | None = None

    @property
    def label(self) -> str | None:
        """The case's id, if it has one that can be shown."""
        found = self.data.get("id") if isinstance(self.data, dict) else None
        return None if found is None else str(found)

    def line_of(self, path: type_path) -> int | None:
        """The line of the part at `path`, or of the nearest part around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return self.line
