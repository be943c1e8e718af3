"""The progress of `run` and `variants run` on a pseudo-terminal: the bar moves, and messages stay whole."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eval_pipeline_tests.warm_processes import FILE, TERMINAL, start_warm

_CASES = 30
_SUITE = """\
name: slow
cases: cases.yaml
target: {kind: python, path: "agent.py:answer"}
evaluation: {max_concurrency: 5}
gates: {max_error_rate: 0.0}
variants: [{name: other, target: {path: "agent.py:other"}}]
"""
_AGENT = """\
import asyncio, sys, warnings

print("a message of an import", file=sys.stderr)


async def answer(message):
    print("a message of a target", file=sys.stderr)
    await asyncio.sleep(0.5)
    return message if message != "3" else "wrong"


other = answer
"""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ERASE = "\x1b[2K"


class _Screen:
    """A program on a pseudo-terminal of a given width, and what it wrote there."""

    def __init__(self, program: str, *arguments: object, columns: int) -> None:
        self._terminal, self._child = pty.openpty()
        fcntl.ioctl(self._child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "CI")}
        environment["TERM"] = "xterm-256color"
        terminal = Path(os.ttyname(self._child))
        self.process = start_warm(
            program,
            *arguments,
            folder=Path.cwd(),
            environment=environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            own_session=True,
        )
        self.text = ""

    def read(self, until: Callable[[str], object] = lambda _: False, seconds: float = 120) -> None:
        """Read until the condition holds, or the program has ended."""
        deadline = time.monotonic() + seconds
        while not until(self.text):
            assert time.monotonic() < deadline, self.text
            ended = self.process.poll() is not None
            if select.select([self._terminal], [], [], 0.1)[0]:
                self.text += os.read(self._terminal, 65536).decode("utf-8", "replace")
            elif ended:
                break

    def close(self) -> None:
        self.process.kill_group()
        os.close(self._terminal)
        os.close(self._child)

    @property
    def bars(self) -> list[str]:
        """Each state of the bars that was drawn."""
        lines = re.split(r"[\r\n]+", self.text)
        return [plain for line in lines if f"/{_CASES}" in (plain := _CONTROL.sub("", line))]

    def done(self) -> list[int]:
        """How many attempts were finished, in each state."""
        return [int(re.search(rf"(\d+)/{_CASES}", bar)[1]) for bar in self.bars]  # type: ignore[index]


@pytest.fixture
def slow_suite(tmp_path: Path, store: Path) -> Path:
    """A suite of cases that take half a second, one of which fails."""
    del store
    folder = tmp_path / "slow"
    folder.mkdir()
    cases = [f'- {{id: c{i:02}, input: "{i}", assertions: [{{type: equals, value: "{i}"}}]}}' for i in range(_CASES)]
    (folder / "suite.yaml").write_text(_SUITE)
    (folder / "cases.yaml").write_text("\n".join(cases))
    (folder / "agent.py").write_text(_AGENT)
    return folder


@pytest.mark.parametrize("columns", [80, 140])
@pytest.mark.parametrize("command", [["run"], ["variants", "run"]])
def test_the_bar_moves_while_steps_run(slow_suite: Path, command: list[str], columns: int) -> None:
    screen = _Screen(TERMINAL, *command, slow_suite, columns=columns)
    try:
        screen.read()
    finally:
        screen.close()

    assert screen.process.returncode == 0, screen.text
    done = screen.done()
    assert len({number for number in done if 0 < number < _CASES}) >= 3, screen.text
    last = screen.bars[-1]
    assert "1 failed" in last
    assert re.search(r"\d/s", last)
    assert any(re.search(r"0:00:\d\d left", bar) for bar in screen.bars)
    assert max(map(len, screen.bars)) <= columns
    # The display is removed, and the cursor is there again.
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")
    assert screen.text.rindex(_ERASE) > screen.text.rindex(f"/{_CASES}")


def test_ctrl_c_leaves_a_clean_screen(slow_suite: Path) -> None:
    screen = _Screen(TERMINAL, "run", slow_suite, columns=80)
    try:
        screen.read(lambda _: any(screen.done()))
        os.killpg(screen.process.pid, signal.SIGINT)
        screen.read()
    finally:
        screen.close()

    assert screen.process.returncode == 130, screen.text
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")
    after = screen.text[screen.text.rindex("\x1b[?25h") :]
    assert "attempts finished" in after
    assert f"/{_CASES}" not in after.partition("attempts finished")[0]


def test_a_message_is_printed_above_the_bar(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "from eval_pipeline.cli.evaluate.progress import RunProgress, stderr_console\n"
        "with stderr_console() as console, RunProgress(console) as progress:\n"
        f"    progress.begin({_CASES})\n"
        "    time.sleep(0.3)\n"
        "    sys.stderr.write('one ')\n"
        "    sys.stderr.write('whole [bold] message\\n')\n"
        "    progress.step('a step')\n"
        f"    kept, log = os.dup(2), os.open({str(tmp_path / 'log')!r}, os.O_WRONLY | os.O_CREAT)\n"
        "    os.dup2(log, 2)\n"
        "    print('for the log', file=sys.stderr, flush=True)\n"
        "    os.dup2(kept, 2)\n"
        "    time.sleep(0.3)\n"
    )
    screen = _Screen(FILE, program, columns=80)
    try:
        screen.read()
    finally:
        screen.close()

    lines = [_CONTROL.sub("", line).strip() for line in re.split(r"[\r\n]+", screen.text)]
    assert "one whole [bold] message" in lines
    assert "a step" in lines
    assert "for the log" not in screen.text
