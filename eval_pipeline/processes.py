"""Processes of this machine: whether one is running, and when it was started."""

import os
from pathlib import Path

_START = 19
"""The place of the start among the fields: field 22 of proc_pid_stat(5)."""


def is_alive(process: int) -> bool:
    """Whether a process is running; one that has ended and that its parent has not asked for yet is not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _fields_of(process)[:1] != ["Z"]


def start_of_process(process: int) -> str:
    """When a process started, in ticks since the start of the kernel; empty where that is not to be read."""
    fields = _fields_of(process)
    return fields[_START] if len(fields) > _START else ""


def _fields_of(process: int) -> list[str]:
    """The fields of /proc/PID/stat from the third one on, the state; empty where there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
