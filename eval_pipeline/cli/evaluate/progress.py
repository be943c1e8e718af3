"""The progress of a run and of a comparison of variants, on stderr."""

from collections import Counter
from collections.abc import Mapping
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

_BAR_WIDTH = 30


class RunProgress:
    """Prints a line for each step before the cases; on a terminal, shows a bar of the finished attempts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts = Counter[str]()
        self._task: TaskID | None = None
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=_BAR_WIDTH),
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
        """Print that a step before the cases is done."""
        self._console.print(f"[dim]{escape(message)}[/dim]", highlight=False)

    def begin(self, attempts: int) -> None:
        """Start the bar for this number of attempts."""
        if self._task is not None:
            self._bar.reset(self._task, total=attempts, description="evaluating")

    def result(self, result: CaseResult) -> None:
        """Count a finished attempt."""
        self._counts[result.status] += 1
        if self._task is not None:
            self._bar.update(self._task, advance=1, description=f"evaluating {_shown(self._counts)}")


class VariantsProgress:
    """Prints a line for each step; on a terminal, shows a bar for each variant."""

    def __init__(self, console: Console, *, attempts: int, finished: Mapping[str, int]) -> None:
        """Create the bars.

        Args:
            console: writes to stderr.
            attempts: of one variant, at all cases.
            finished: the attempts that an earlier run finished, by variant.
        """
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=_BAR_WIDTH),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._tasks = {
            name: self._bars.add_task(escape(name), total=attempts, completed=done, counts="")
            for name, done in finished.items()
        }
        self._counts = {name: Counter[str]() for name in finished}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def step(self, message: str) -> None:
        """Print that a step is done."""
        self._console.print(f"[dim]{escape(message)}[/dim]", highlight=False)

    def begin(self, attempts: int) -> None:
        """Do nothing: the bars know their attempts already."""

    def result(self, result: CaseResult) -> None:
        """Count a finished attempt of a variant."""
        name = result.variant or ""
        if name in self._tasks:
            self._counts[name][result.status] += 1
            self._bars.update(self._tasks[name], advance=1, counts=_shown(self._counts[name]))


def _shown(counts: Counter[str]) -> str:
    """How many attempts passed, failed and ended in an error."""
    text = f"[green]{counts['passed']} passed[/green] [red]{counts['failed']} failed[/red]"
    return f"{text} [yellow]{counts['error']} errors[/yellow]" if counts["error"] else text
