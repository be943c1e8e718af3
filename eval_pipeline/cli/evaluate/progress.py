"""The progress bar of a run in the terminal, on stderr."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from eval_pipeline.results.case_result import CaseResult


class TerminalProgress:
    """A line for each step before the cases, then a bar over attempts where stderr is a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
        self._task: TaskID | None = None
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("starting Dagster", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, message: str) -> None:
        """A piece of the work before the cases is done."""
        self._console.print(f"[dim]{escape(message)}[/dim]", highlight=False)

    def begin(self, attempts: int) -> None:
        """So many attempts are about to be made."""
        if self._task is not None:
            self._bar.reset(self._task, total=attempts, description="evaluating")

    def result(self, result: CaseResult) -> None:
        """One attempt was made."""
        self._counts[result.status] += 1
        if self._task is not None:
            counts = self._counts
            text = f"evaluating [green]{counts['passed']} passed[/green] [red]{counts['failed']} failed[/red]"
            if counts["error"]:
                text += f" [yellow]{counts['error']} errors[/yellow]"
            self._bar.update(self._task, advance=1, description=text)
