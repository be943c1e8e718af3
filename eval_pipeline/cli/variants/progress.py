"""The progress bars of a comparison of variants in the terminal, on stderr: one for each variant."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from eval_pipeline.results.case_result import CaseResult


class VariantsProgress:
    """A line for each step, and where stderr is a terminal a bar for each variant."""

    def __init__(self, console: Console, *, attempts: int, finished: Mapping[str, int]) -> None:
        """Make the bars.

        Args:
            console: of stderr.
            attempts: at all cases, of one variant.
            finished: by variant, how many are there already.
        """
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
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
        self._counts = {name: {"passed": 0, "failed": 0, "error": 0, "skipped": 0} for name in finished}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def step(self, message: str) -> None:
        """A piece of the work is done."""
        self._console.print(f"[dim]{escape(message)}[/dim]", highlight=False)

    def begin(self, attempts: int) -> None:
        """So many attempts of all variants are about to be made; the bars know."""

    def result(self, result: CaseResult) -> None:
        """One attempt was made."""
        name = result.variant or ""
        if name not in self._tasks:
            return
        counts = self._counts[name]
        counts[result.status] += 1
        text = f"[green]{counts['passed']} passed[/green] [red]{counts['failed']} failed[/red]"
        if counts["error"]:
            text += f" [yellow]{counts['error']} errors[/yellow]"
        self._bars.update(self._tasks[name], advance=1, counts=text)
