"""Ends a run whose first attempts all fail with the same error, such as an import that fails in every call.

A refused key, an unknown model and a host that never answered end a run at once, in `limiter.py`.
"""

import re

from eval_pipeline.errors import PermanentError
from eval_pipeline.results.case_result import CaseResult

_VARIES = re.compile(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"")


class RepeatedErrors:
    """Compares the errors of a run's first attempts, in the order in which they end."""

    def __init__(self, most: int | None) -> None:
        """`most`: how many first attempts may fail with the same error; None: any number."""
        self._most, self._count = most, 0
        self._error: str | None = None
        self._off = most is None
        """Set once an attempt ended otherwise."""

    def check(self, result: CaseResult) -> None:
        """Take the next result.

        Raises:
            PermanentError: all attempts so far failed with the same error, and there were as many as allowed.
        """
        if self._off:
            return
        error = _kind(result)
        self._off = error is None or self._error not in (None, error)
        self._error, self._count = error, self._count + 1
        if not self._off and self._count == self._most:
            assert result.error is not None
            lines = result.error.message.splitlines()
            raise PermanentError(
                f"the first {self._count} attempts all failed with the same error: {result.error.name}: "
                f"{lines[0] if lines else ''}",
                fix="correct the cause (the tracebacks are in the result log), or change `evaluation.break_after`",
            )


def _kind(result: CaseResult) -> str | None:
    """What two errors of the same cause have in common; None for an attempt without an error."""
    if result.error is None:
        return None
    return f"{result.error.name}: {_VARIES.sub('…', result.error.message)}"
