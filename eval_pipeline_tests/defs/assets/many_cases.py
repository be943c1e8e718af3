"""A synthetic suite of as many cases as a test wants, with a shared context, on a Dagster instance of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eval_pipeline.results.case_result import CaseResult

SUITE = """\
name: many
cases: cases.jsonl
context:
  documents:
    source: {file: notes.jsonl}
    retrieval: {k: 1}
target: {kind: python, path: "agent.py:answer"}
evaluation: {max_concurrency: 10}
"""

AGENT = """\
import asyncio

from langsmith import traceable


async def answer(message):
    await asyncio.sleep(0.02)
    return await spoken(message)


@traceable
async def spoken(message):
    return message
"""

NOTES = '{"id": "n1", "text": "tea is from Assam"}\n{"id": "n2", "text": "milk is from a cow"}\n'


def case_ids(number: int) -> list[str]:
    """The ids of so many cases, sorted."""
    return [f"case-{index:04d}" for index in range(number)]


def write_many_cases(folder: Path, number: int) -> Path:
    """Write the suite with so many cases into `folder`, which is made. Returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = "".join(
        f'{{"id": "{name}", "input": "tea {name}", "assertions": [{{"type": "contains", "value": "tea"}}]}}\n'
        for name in case_ids(number)
    )
    files = {"suite.yaml": SUITE, "cases.jsonl": cases, "agent.py": AGENT, "notes.jsonl": NOTES}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@dataclass(kw_only=True)
class ActsAt:
    """A `Progress` that does something when so many results are there."""

    actions: Mapping[int, Callable[[], None]]
    results: list[CaseResult] = field(default_factory=list)

    def step(self, message: str) -> None:
        """Nothing happens before the cases."""

    def begin(self, attempts: int) -> None:
        """Nothing happens before the first result."""

    def result(self, result: CaseResult) -> None:
        """Act if it is time."""
        self.results.append(result)
        self.actions.get(len(self.results), lambda: None)()
