"""The processes that tests start: none outlives the run of pytest, however that ends."""

import contextlib
import ctypes
import os
import signal
from pathlib import Path

_SET_CHILD_SUBREAPER = 36


def end_on_sigterm() -> None:
    """Have SIGTERM end this process as Ctrl-C does: fixtures are torn down, and servers stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends (Linux), so that `descendants` has them."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> dict[int, str]:
    """The command lines of the processes below this one, by process id."""
    processes = running_processes()
    below = {os.getpid()}
    while more := {pid for pid, (parent, _) in processes.items() if parent in below} - below:
        below |= more
    return {pid: processes[pid][1] if pid in processes else "" for pid in below - {os.getpid()}}


def end_descendants() -> None:
    """Kill the processes below this one."""
    while pids := descendants():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0)[0]:
                pass


def running_processes() -> dict[int, tuple[int, str]]:
    """The parent and the command line of every process, by process id."""
    processes = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The program's name is in parentheses and may hold anything.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            processes[int(stat.parent.name)] = (parent, command)
    return processes
