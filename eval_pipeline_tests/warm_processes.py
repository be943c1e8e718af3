"""Processes forked from a server that has imported the programs: a start takes 0.1 s of CPU instead of three.

For tests that need processes of our programs or Dagster's, and not that Python starts and imports them. Each has the
environment, the folder and the files that it is given, and its own process id, as if it was started anew.
"""

import atexit
import contextlib
import importlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Mapping
from pathlib import Path

PROGRAMS = (
    "dagster._cli.api",
    "dagster._daemon.cli",
    "dagster_webserver.cli",
    "eval_pipeline.cli.evaluate.run",
    "eval_pipeline.defs.build",
    "eval_pipeline.defs.launching.launch",
    "eval_pipeline.recorder.server",
    "eval_pipeline.workers.command",
    "eval_pipeline_tests.migrations",
)
"""What the server imports."""


TERMINAL = "eval_pipeline.cli.main:program"
"""`eval-pipeline`."""
FILE = f"{__name__}:run_file"
"""`python FILE …`."""
CODE = f"{__name__}:run_code"
"""`python -c CODE …`."""


class WarmProcess:
    """A process that runs; of `subprocess.Popen`'s methods those that tests need."""

    def __init__(self, process: multiprocessing.Process) -> None:
        assert process.pid is not None
        self._process, self.pid = process, process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """As `returncode`."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return the exit code."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def kill_group(self) -> None:
        """Send SIGKILL to all processes of the group that it leads, and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.join()


def start_warm(
    program: str,
    *arguments: object,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    stdout: Path | None = None,
    stderr: Path | None = None,
    own_session: bool = False,
) -> WarmProcess:
    """Start a program.

    Args:
        program: its function, as `module:name`.
        arguments: what its command line says after its name.
        folder: where it runs.
        environment: all of its environment; by default this process's.
        stdin: the file that it reads; nothing by default.
        stdout: the file that its output is appended to; nowhere by default.
        stderr: the same of its errors; may be the same file.
        own_session: whether it leads a session and a process group.
    """
    for file in (stdout, stderr):
        if file is not None:
            file.touch()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PROGRAMS))
    process = context.Process(
        target=_run,
        args=(
            program,
            tuple(map(str, arguments)),
            str(folder),
            dict(os.environ if environment is None else environment),
            tuple(None if file is None else str(file) for file in (stdin, stdout, stderr)),
            own_session,
        ),
        name=program,
        daemon=False,
    )
    process.start()
    return WarmProcess(process)  # type: ignore[arg-type]  # a ForkServerProcess is one in all but name


def run_warm(
    program: str,
    *arguments: object,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    timeout: float = 300.0,
) -> subprocess.CompletedProcess[str]:
    """Start a program, in this process's folder by default, and wait for its end; with what it printed."""
    with tempfile.TemporaryDirectory() as files:
        given, stdout, stderr = (Path(files) / name for name in ("stdin", "stdout", "stderr"))
        given.write_text(stdin)
        process = start_warm(
            program,
            *arguments,
            folder=folder or Path.cwd(),
            environment=environment,
            stdin=given,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(
            [program, *map(str, arguments)], code, stdout.read_text(), stderr.read_text()
        )


def run_file() -> None:
    """Run the file of Python that the first argument names."""
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


def run_code() -> None:
    """Run the first argument, which is Python; what it registers to be done at exit is done at its end."""
    code = sys.argv[1]
    sys.argv = ["-c", *sys.argv[2:]]
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    try:
        exec(compile(code, "<string>", "exec"), vars(main))
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as when an interpreter ends; multiprocessing skips the rest
        atexit._run_exitfuncs()


def _run(
    program: str,
    arguments: tuple[str, ...],
    folder: str,
    environment: dict[str, str],
    files: tuple[str | None, ...],
    own_session: bool,  # noqa: FBT001 - given by position
) -> None:
    if own_session:
        os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for descriptor, file in enumerate(files):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT if descriptor else os.O_RDONLY
        opened = os.open(file or os.devnull, flags, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - multiprocessing has put another in its place
    module, _, name = program.partition(":")
    sys.argv = [module.rpartition(".")[2], *arguments]
    getattr(importlib.import_module(module), name)()
