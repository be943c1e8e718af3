"""A disk of a few megabytes, that can be filled up and made read-only: a real file system, in memory.

Permissions would not do: tests may run as root, to whom they mean nothing.
"""

import contextlib
import errno
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_BALLAST = "ballast"
_ROOM_LEFT = 4096


@dataclass(frozen=True, kw_only=True)
class SmallDisk:
    """A mounted file system."""

    folder: Path

    def fill(self) -> None:
        """Leave no room on it."""
        fill_up(self.folder)

    def empty(self) -> None:
        """Make room on it again."""
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def write_protect(self) -> None:
        """Let nobody write to it, not even root."""
        self._remount("ro")

    def let_write(self) -> None:
        """Let everybody write to it again."""
        self._remount("rw")

    def _remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True, capture_output=True)


def fill_up(folder: Path) -> None:
    """Write a file in `folder` until its disk has no room left."""
    with (folder / _BALLAST).open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        for size in (1 << 20, _ROOM_LEFT, 1):
            with _until_full():
                while True:
                    ballast.write(bytes(size))


@contextlib.contextmanager
def _until_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int = 16) -> Iterator[SmallDisk]:
    """Mount a disk at `folder`; skips the test where nobody may."""
    if shutil.which("mount") is None:
        pytest.skip("the program mount is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder=folder)
    finally:
        # Lazily: databases on it may still be open in this process.
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
