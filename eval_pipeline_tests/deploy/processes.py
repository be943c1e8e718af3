"""Processes with a log and a group of their own, which can be killed whole; what they hold of the memory."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from eval_pipeline_tests.warm_processes import WarmProcess, start_warm

_END_SECONDS = 30.0


class ProcessGroup:
    """A program and all it starts."""

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, warm: bool = False
    ) -> None:
        """Start it; what it prints goes to `<name>.log` in `folder`.

        Args:
            name: of the log.
            command: a program and its arguments.
            environment: all of its environment.
            folder: where it runs.
            warm: fork it from a server that has imported it, instead of starting Python.
        """
        self.name, self.log = name, folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | WarmProcess
        if warm:
            program, *arguments = command
            self._process = start_warm(
                _function(program),
                *arguments,
                folder=folder,
                environment=environment,
                stdout=self.log,
                stderr=self.log,
                own_session=True,
            )
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pids(self) -> list[int]:
        """Of all its processes."""
        return [int(process.name) for process in Path("/proc").glob("[0-9]*") if self._has(int(process.name))]

    def memory_mb(self) -> float:
        """What its processes hold; of pages that they share with others each has its part."""
        mebibytes = 0.0
        for pid in self.pids:
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                mebibytes += sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
        return mebibytes

    def kill(self) -> None:
        """As the death of its host would: all of it at once, with no chance to say anything."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ask_to_end(self) -> None:
        """Ask it to end."""
        if self._process.poll() is None:
            self._process.terminate()

    def end(self) -> None:
        """Wait until it has ended, and kill what is left of it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_END_SECONDS)
        self.kill()

    def _has(self, pid: int) -> bool:
        try:
            return os.getpgid(pid) == self._process.pid
        except ProcessLookupError:
            return False


def _function(program: str) -> str:
    """The function of an installed program; what has a colon is one."""
    if ":" in program:
        return program
    (script,) = entry_points(group="console_scripts", name=program)
    return script.value


@contextlib.contextmanager
def ending(groups: Mapping[str, ProcessGroup]) -> Iterator[None]:
    """End all that `groups` holds by then."""
    try:
        yield
    finally:
        for group in groups.values():
            group.ask_to_end()
        for group in groups.values():
            group.end()
