"""Inspect AI: a solver without a model call, `includes()` as scorer, with its log.

The arguments, as JSON: `cases`, `delay_s`, `concurrency`.
"""

import asyncio
import json
import sys
import tempfile

from inspect_ai import Task, eval  # noqa: A004 - its own name
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import includes
from inspect_ai.solver import Generate, Solver, TaskState, solver

from bench.sides.stopwatch import Stopwatch


@solver
def answering(delay_s: float) -> Solver:
    """The target."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        del generate
        await asyncio.sleep(delay_s)
        state.output = ModelOutput.from_content("mockllm/model", f"answer to {state.input_text}")
        return state

    return solve


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    samples = [
        Sample(id=f"case-{index}", input=f"question {index}", target="answer") for index in range(given["cases"])
    ]
    task = Task(dataset=MemoryDataset(samples), solver=answering(given["delay_s"]), scorer=includes())
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as logs, watch.running():
        (log,) = eval(task, model="mockllm/model", max_samples=given["concurrency"], log_dir=logs, display="none")
    watch.report(passed=round(log.results.scores[0].metrics["accuracy"].value * given["cases"]))


if __name__ == "__main__":
    main()
