"""Somebody who records how a snapshot is built, step by step; by default nobody."""

import contextlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import pyarrow as pa

StepKind = Literal["chain", "tool"]


@dataclass(frozen=True, kw_only=True)
class Search:
    """What was found for one case."""

    case_id: str
    query: str
    documents: list[dict[str, Any]]
    """As LangChain writes documents: `page_content`, `type`, `metadata`."""


class StepRecord(Protocol):
    """A step in progress."""

    def outputs(self, said: Mapping[str, Any]) -> None:
        """What came of the step."""

    def searches(self, found: Iterable[Search]) -> None:
        """What was found for each case, by one search for all of them that began with the step and ends now."""


class BuildRecorder(Protocol):
    """Records steps; a step within a step is part of it."""

    def step(
        self, name: str, *, kind: StepKind = "chain", inputs: Mapping[str, Any]
    ) -> AbstractContextManager[StepRecord]:
        """Record a step, and what models and tools do within it."""

    def table(self) -> pa.Table | None:
        """All that was recorded, as the snapshot's part `trace`; None if nothing was."""


class _NothingRecorded:
    def step(
        self, name: str, *, kind: StepKind = "chain", inputs: Mapping[str, Any]
    ) -> AbstractContextManager[StepRecord]:
        del name, kind, inputs
        return contextlib.nullcontext(self)

    def outputs(self, said: Mapping[str, Any]) -> None:
        """Record nothing."""

    def searches(self, found: Iterable[Search]) -> None:
        """Record nothing, and do not even ask what was found."""

    def table(self) -> None:
        """Nothing was recorded."""


NOTHING_RECORDED: BuildRecorder = _NothingRecorded()
