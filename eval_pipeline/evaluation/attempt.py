"""An attempt at a case, and the protocol of what traces attempts."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from eval_pipeline.evaluation.stored_answer import StoredAnswer
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.runs.place import AttemptPlace
from eval_pipeline.suite.case import Case


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One run of one case."""

    case: Case
    number: int
    """1 for the first."""
    stored: StoredAnswer | None = None
    """An answer of an earlier experiment, which stands for the target's."""


class AttemptTrace(Protocol):
    """The trace of one attempt in progress."""

    @property
    def place(self) -> AttemptPlace | None:
        """Where the attempt is; None if it is not traced."""

    def finish(self, result: CaseResult) -> CaseResult:
        """End the trace with the attempt's result. Returns the result with the ids of the trace; never raises."""


class AttemptTracer(Protocol):
    """Traces attempts."""

    def example_id(self, case_id: str) -> str:
        """The id of a case's example on the server that the traces are sent to."""

    def attempt(self, attempt: Attempt) -> AbstractContextManager[AttemptTrace]:
        """Within it, every traced run belongs to the trace of `attempt`."""
