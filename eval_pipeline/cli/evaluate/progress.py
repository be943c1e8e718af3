"""The progress of a run and of a comparison of variants, on the terminal that stderr was when the command began."""

import contextlib
import io
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, ConsoleDimensions
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from eval_pipeline.cli.shown import escape
from eval_pipeline.results.case_result import CaseResult

_WIDE = 100
"""Columns from which a bar shows the time elapsed, and is wider."""
_BAR_WIDTH, _NARROW_BAR_WIDTH = 30, 12


class StderrConsole(Console):
    """A console on a duplicate of stderr, which Dagster does not redirect.

    While steps run, Dagster points file descriptor 2 at a log file, which is no terminal: a bar on it stops moving.
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(file=file)

    @property  # type: ignore[misc]
    def size(self) -> ConsoleDimensions:
        """The size of the terminal. Rich looks at descriptors 0 to 2, which may all be redirected."""
        with contextlib.suppress(OSError):
            width, height = os.get_terminal_size(self.file.fileno())
            if width and height:
                return ConsoleDimensions(width, height)
        return super().size


@contextlib.contextmanager
def stderr_console() -> Iterator[StderrConsole]:
    """A console on what stderr is now. Open it before Dagster starts.

    What is written to `sys.stderr` within the block goes where file descriptor 2 leads, as before; where that is the
    terminal, it is printed above a bar instead of into it.
    """
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as file:
        console = StderrConsole(file)
        if not console.is_terminal:
            yield console
            return
        above = _AboveBar(console, sys.stderr)
        try:
            with contextlib.redirect_stderr(above):
                yield console
        finally:
            above.finish()


class _AboveBar(io.TextIOBase):
    """Writes whole lines to a console while stderr leads to the same terminal; else to stderr."""

    def __init__(self, console: StderrConsole, stderr: TextIO) -> None:
        self._console, self._stderr = console, stderr
        self._line = ""

    def fileno(self) -> int:
        return self._stderr.fileno()

    def isatty(self) -> bool:
        return self._stderr.isatty()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not os.path.sameopenfile(self._stderr.fileno(), self._console.file.fileno()):
            return self._stderr.write(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._print(line)
        return len(text)

    def flush(self) -> None:
        self._stderr.flush()

    def close(self) -> None:
        """Do nothing: stderr stays open."""

    def finish(self) -> None:
        """Print a last line that has no end."""
        if self._line:
            self._print(self._line)
            self._line = ""

    def _print(self, line: str) -> None:
        self._console.out(line, highlight=False)


def _bars(console: Console, *columns: TextColumn | SpinnerColumn) -> Progress:
    """A display of bars that is removed at the end. Its width is that of the terminal now."""
    wide = console.width >= _WIDE
    return Progress(
        *columns,
        BarColumn(bar_width=_BAR_WIDTH if wide else _NARROW_BAR_WIDTH),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
        *([TimeElapsedColumn()] if wide else []),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


class AttemptCounts:
    """Count the finished attempts of a run: how many failed, their rate and cost, and the time that is left."""

    def __init__(self, attempts: int) -> None:
        self._attempts, self._began = attempts, time.monotonic()
        self._statuses = Counter[str]()
        self._done = 0
        self._cost_usd: float | None = None

    def add(self, result: CaseResult) -> None:
        """Count a finished attempt."""
        self._done += 1
        self._statuses[result.status] += 1
        if result.cost_usd is not None:
            self._cost_usd = (self._cost_usd or 0.0) + result.cost_usd

    @property
    def text(self) -> str:
        """All of it in at most 45 columns, as rich's markup."""
        counted = {"failed": ("red", "failed"), "error": ("yellow", "errors"), "limit": ("yellow", "limit")}
        parts = [
            f"[{colour}]{self._statuses[status]} {name}[/{colour}]"
            for status, (colour, name) in counted.items()
            if status == "failed" or self._statuses[status]
        ]
        elapsed = time.monotonic() - self._began
        if self._done and elapsed:
            rate = self._done / elapsed
            parts.append(f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s")  # noqa: PLR2004 - two digits
        if self._cost_usd is not None:
            parts.append(f"${self._cost_usd:.2f}")
        if self._done and (left := max(0, self._attempts - self._done)):
            parts.append(f"{timedelta(seconds=round(left * elapsed / self._done))} left")
        return " ".join(parts)


class RunProgress:
    """Prints a line for each step before the cases; on a terminal, shows a bar of the finished attempts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts = AttemptCounts(0)
        self._task: TaskID | None = None
        self._bar = _bars(console, SpinnerColumn(), TextColumn("{task.description}"))

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("starting Dagster", total=None, counts="")
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
        self._counts = AttemptCounts(attempts)
        if self._task is not None:
            self._bar.reset(self._task, total=attempts, description="evaluating")

    def result(self, result: CaseResult) -> None:
        """Count a finished attempt."""
        self._counts.add(result)
        if self._task is not None:
            self._bar.update(self._task, advance=1, counts=self._counts.text)


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
        self._bars = _bars(console, TextColumn("{task.description}"))
        self._tasks = {
            name: self._bars.add_task(escape(name), total=attempts, completed=done, counts="")
            for name, done in finished.items()
        }
        self._counts: dict[str, AttemptCounts] = {}
        self._left = {name: attempts - done for name, done in finished.items()}

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
            # Variants may be evaluated one after the other: the clock of each starts with its first attempt.
            counts = self._counts.setdefault(name, AttemptCounts(self._left[name]))
            counts.add(result)
            self._bars.update(self._tasks[name], advance=1, counts=counts.text)
