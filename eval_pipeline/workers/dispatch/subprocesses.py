"""Workers that are processes of this machine, each for many tasks: importing what an agent needs takes seconds.

A worker reads tasks from its standard input. When the run dies its workers end, too: nothing more is paid for, and what
they have finished is in the store.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from typing import Self

from pydantic import ValidationError

from eval_pipeline.errors import TransientError
from eval_pipeline.settings import STORE_VARIABLE, SUITES_VARIABLE, LangSmithSettings, PipelineSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite
from eval_pipeline.workers.command import STDIN
from eval_pipeline.workers.task import TaskAnswer, WorkerTask

_LONGEST_ANSWER = 2**20
_ENDING_SECONDS = 10.0


class Subprocesses:
    """Worker processes, started when they are needed."""

    keeps_traces = True
    takes_all = False

    def __init__(self, environment: Mapping[str, str]) -> None:
        """No process is started yet.

        Args:
            environment: of the processes, besides what this process has.
        """
        self._environment = {**os.environ, **environment}
        self._idle: list[Process] = []
        self._all: set[Process] = set()

    @classmethod
    def of(cls, suite: Suite, store: Store, settings: LangSmithSettings) -> Self:
        """Processes that find the same suite, and trace to the same servers."""
        # Of two suites with one name the last is meant.
        folders = [*PipelineSettings.from_environment().suites, suite.folder.resolve()]
        suites = os.pathsep.join(map(str, folders))
        return cls({**settings.to_environment(), SUITES_VARIABLE: suites, STORE_VARIABLE: store.root})

    async def do(self, task: WorkerTask) -> TaskAnswer:
        """Have a process do a task, started now if none is idle."""
        process = self._idle.pop() if self._idle else await self._started()
        try:
            answer = await _do(process, task)
        except BaseException:
            await self._end(process, kill=True)
            raise
        self._idle.append(process)
        return answer

    def check(self) -> str:
        """There is nothing to check."""
        return "processes of this machine, started when they are needed"

    async def close(self) -> None:
        """End all processes."""
        idle = set(self._idle)
        self._idle.clear()
        await asyncio.gather(*(self._end(process, kill=process not in idle) for process in list(self._all)))

    async def _started(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "eval_pipeline.workers",
            STDIN,
            env=self._environment,
            stdin=PIPE,
            stdout=PIPE,
            limit=_LONGEST_ANSWER,
            # Ctrl-C is for the run, which ends its workers.
            start_new_session=True,
        )
        self._all.add(process)
        return process

    async def _end(self, process: Process, *, kill: bool) -> None:
        self._all.discard(process)
        assert process.stdin is not None
        with contextlib.suppress(ProcessLookupError):
            if kill:
                process.kill()
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), _ENDING_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _do(process: Process, task: WorkerTask) -> TaskAnswer:
    assert process.stdin is not None
    assert process.stdout is not None
    line = b""
    with contextlib.suppress(ConnectionError):
        process.stdin.write(task.to_json() + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
    if not line:
        code = await process.wait()
        fix = "see its messages in the output of the run, and whether the machine has enough memory"
        raise TransientError(f"the worker process of {task.task} ended with code {code}", fix=fix)
    try:
        return TaskAnswer.model_validate_json(line)
    except ValidationError as error:
        raise TransientError(
            f"the worker process of {task.task} gave no answer: {line[:200]!r}", fix="run it again"
        ) from error
