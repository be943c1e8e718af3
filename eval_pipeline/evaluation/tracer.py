"""What traces attempts, as the evaluator sees it: somebody it is given, or nobody."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from eval_pipeline.results.case_result import CaseResult

if TYPE_CHECKING:
    from eval_pipeline.evaluation.attempt import Attempt


class AttemptTrace(Protocol):
    """The trace of one attempt in progress."""

    def finish(self, result: CaseResult) -> CaseResult:
        """Close the trace with what came of the attempt. Returns the result with the trace's ids; never raises."""


class AttemptTracer(Protocol):
    """Traces attempts."""

    def attempt(self, attempt: "Attempt") -> AbstractContextManager[AttemptTrace]:
        """Within it, everything traced belongs to the trace of `attempt`."""
