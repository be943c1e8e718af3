"""Ending a run whose first attempts all break in the same way: the rest would, too.

A refused key, an unknown model and a host that never answered end a run at once (`gate.py`); this is for everything
else, such as an import that fails in every call.
"""

import re

from eval_pipeline.errors import PermanentError
from eval_pipeline.results.case_result import CaseResult

_VARIES = re.compile(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"")


class Breaker:
    """Looks at results in the order they come."""

    def __init__(self, after: int | None) -> None:
        self._after, self._count = after, 0
        self._reason: str | None = None
        self._closed = after is None
        """Whether an attempt ended otherwise, after which nothing is for certain."""

    def saw(self, result: CaseResult) -> None:
        """An attempt ended.

        Raises:
            PermanentError: it was the last of so many that all broke in the same way, and none ended otherwise.
        """
        if self._closed:
            return
        reason = _reason(result)
        self._closed = reason is None or self._reason not in (None, reason)
        self._reason, self._count = reason, self._count + 1
        if not self._closed and self._count == self._after:
            assert result.error is not None
            lines = result.error.message.splitlines()
            raise PermanentError(
                f"the first {self._count} attempts all broke in the same way: {result.error.name}: "
                f"{lines[0] if lines else ''}",
                fix="mend that (the tracebacks are in the result log), or change `evaluation.break_after`",
            )


def _reason(result: CaseResult) -> str | None:
    """What two errors of the same cause have in common; None for an attempt that did not break."""
    if result.error is None:
        return None
    return f"{result.error.name}: {_VARIES.sub('…', result.error.message)}"
