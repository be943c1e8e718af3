"""The protocol by which a run reports its progress, for example to a terminal."""

from typing import Protocol

from eval_pipeline.results.case_result import CaseResult


class Progress(Protocol):
    """Is called during a run."""

    def step(self, message: str) -> None:
        """A step is done, or is about to begin."""

    def begin(self, attempts: int) -> None:
        """So many attempts are about to be made."""

    def result(self, result: CaseResult) -> None:
        """One attempt was made, or skipped."""


class QuietProgress:
    """Reports nothing: runs from the UI and from schedules are followed by their events."""

    def step(self, message: str) -> None:
        """Report nothing."""

    def begin(self, attempts: int) -> None:
        """Report nothing."""

    def result(self, result: CaseResult) -> None:
        """Report nothing."""
