"""A suite that counts the calls of its target, and waits at a chosen case until it is released."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

NAME = "fleet"
_SUITE = """\
name: fleet
cases: cases.jsonl
context:
  tables:
    names: {{file: names.csv, key: number}}
target: {{kind: python, path: "agent.py:answer"}}
evaluation: {{max_concurrency: 4, max_cases_per_run: {cases_per_run}}}
gates: {{max_error_rate: 0.0}}
"""
_AGENT = """\
import asyncio, os, pathlib

from eval_pipeline.context.shared_context import get_shared_context

HERE = pathlib.Path(__file__).parent
CALLS = os.open(HERE / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


async def answer(message):
    os.write(CALLS, f"{{os.getpid()}} {{message}}\\n".encode())
    await asyncio.sleep({seconds})
    while (HERE / f"waits-at-{{message}}").exists():
        await asyncio.sleep(0.05)
    return get_shared_context().lookup("names", message)["name"]
"""


@dataclass(frozen=True, kw_only=True)
class CountedSuite:
    """The suite in a folder: every fifth case expects the wrong answer, and fails."""

    folder: Path
    cases: int
    cases_per_run: int
    seconds: float
    """That the target takes."""

    @property
    def keys(self) -> list[str]:
        """The ids of its cases."""
        return [_key(number) for number in range(self.cases)]

    @property
    def verdicts(self) -> dict[str, str]:
        """What each case is to come to."""
        return {_key(number): "passed" if number % 5 else "failed" for number in range(self.cases)}

    def write(self) -> None:
        """Write its files."""
        self.folder.mkdir(parents=True)
        names = "".join(f"{number},{_name(number)}\n" for number in range(self.cases))
        cases = "".join(
            f'{{"id": "{_key(number)}", "input": "{number}", "assertions": '
            f'[{{"type": "equals", "value": "{_name(number) if number % 5 else "someone else"}"}}]}}\n'
            for number in range(self.cases)
        )
        files = {
            "suite.yaml": _SUITE.format(cases_per_run=self.cases_per_run),
            "agent.py": _AGENT.format(seconds=self.seconds),
            "names.csv": "number,name\n" + names,
            "cases.jsonl": cases,
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)

    def waits_at(self, number: int) -> Path:
        """A file: the target does not answer this case while it is there."""
        return self.folder / f"waits-at-{number}"

    def calls(self) -> Counter[int]:
        """How often each case was asked."""
        return Counter(case for _, case in self._calls())

    def process_at(self, number: int, *, after: int = 0) -> int | None:
        """The process that was last asked a case, if it was asked more than `after` times."""
        callers = [pid for pid, case in self._calls() if case == number]
        return callers[-1] if len(callers) > after else None

    def _calls(self) -> list[tuple[int, int]]:
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(int(pid), int(case)) for pid, case in map(str.split, lines)]


def _key(number: int) -> str:
    return f"c{number:04d}"


def _name(number: int) -> str:
    return f"name {number}"
