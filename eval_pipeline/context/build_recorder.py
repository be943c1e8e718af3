"""The interface through which the steps of building a snapshot are recorded for its trace; by default they are not."""

import contextlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import pyarrow as pa

StepKind = Literal["chain", "tool"]


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search for one case, and its results."""

    case_id: str
    query: str
    documents: list[dict[str, Any]]
    """As LangChain writes documents: `page_content`, `type`, `metadata`."""


class StepRecord(Protocol):
    """A step in progress."""

    def outputs(self, values: Mapping[str, Any]) -> None:
        """Record the outputs of the step."""

    def searches(self, searches: Iterable[Search]) -> None:
        """Record the search for each case: all were made at once, from the start of the step until now."""


class BuildRecorder(Protocol):
    """Records steps; a step within another is a child of it."""

    def step(
        self, name: str, *, kind: StepKind = "chain", inputs: Mapping[str, Any]
    ) -> AbstractContextManager[StepRecord]:
        """Record a step, and the runs of models and tools within it."""

    def table(self) -> pa.Table | None:
        """All recorded steps, as the part `trace` of the snapshot; None without any."""


class _NothingRecorded:
    def step(
        self, name: str, *, kind: StepKind = "chain", inputs: Mapping[str, Any]
    ) -> AbstractContextManager[StepRecord]:
        del name, kind, inputs
        return contextlib.nullcontext(self)

    def outputs(self, values: Mapping[str, Any]) -> None:
        """Record nothing."""

    def searches(self, searches: Iterable[Search]) -> None:
        """Record nothing; the iterable is not consumed."""

    def table(self) -> None:
        """Return None: nothing was recorded."""


NOTHING_RECORDED: BuildRecorder = _NothingRecorded()
