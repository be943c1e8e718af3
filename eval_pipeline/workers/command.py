"""`eval-pipeline-worker [TASK | -]`: the command of a container, and of the worker processes of one machine.

    TASK       a task as JSON, or where it is: a key of the store, a file, or `s3://bucket/key`
    nothing    the same, from the variable EVAL_PIPELINE_TASK
    -          tasks from standard input, one a line; answers on standard output, one a line

Answers go to standard output, which nothing else writes to, and to the store. Exit codes are those of
`eval-pipeline`: 0 also where cases failed or ended in an error, which are results.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from eval_pipeline.environment import declare_own_program
from eval_pipeline.errors import EvalPipelineError, InputError, Problem
from eval_pipeline.redaction.logs import displayable
from eval_pipeline.serving.loopback import exempt_loopback_from_proxies
from eval_pipeline.settings import STORE_VARIABLE, TASK_VARIABLE, PipelineSettings
from eval_pipeline.store.opening import open_store, s3_location
from eval_pipeline.user_code.result_stdout import stdout_for_result_only
from eval_pipeline.workers.task import TaskAnswer, WorkerTask, read_task
from eval_pipeline.workers.work import do_task

STDIN = "-"
_POLL_SECONDS = 0.5
ABANDONED = 4
"""The exit code of a worker whose caller has died; what is finished of its task is in the store."""


def main(arguments: list[str]) -> int:
    """Do the task that the arguments or the environment name. Returns the exit code."""
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(f"{__doc__}\n")
        return 0
    exempt_loopback_from_proxies()
    with stdout_for_result_only() as stdout:
        try:
            given = _given(arguments)
            if given == STDIN:
                return _serve(stdout)
            answer = do_task(_task(given))
        except EvalPipelineError as error:
            sys.stderr.write(f"error: {displayable(str(error))}\n")
            return error.exit_code
        _write(stdout, answer)
        return _exit_code(answer)


def program() -> None:
    """`main`, as the installed program, ended as `eval_pipeline.cli.main.program` is, for its reason."""
    declare_own_program()
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _given(arguments: list[str]) -> str:
    match arguments:
        case [given]:
            return given
        case [] if task := PipelineSettings.from_environment().task:
            return task
    fix = f"give one argument, or set {TASK_VARIABLE}: a task as JSON, its key in the store, a file, or `-`"
    raise InputError(
        Problem(message="there is no task to do" if not arguments else "there is more than one task", fix=fix)
    )


def _task(given: str) -> WorkerTask:
    if given.startswith("{"):
        return read_task(given)
    return read_task(_fetch(given), source=given)


def _fetch(place: str) -> bytes:
    if (location := s3_location(place)) is not None:
        data = open_store(f"s3://{location.bucket}").get(location.key)
    elif Path(place).is_file():
        return Path(place).read_bytes()
    else:
        store = PipelineSettings.from_environment().store
        data = open_store(store).get(place) if store else None
    if data is None:
        fix = f"give a task as JSON, a file, s3://bucket/key, or a key of the store that {STORE_VARIABLE} names"
        raise InputError(Problem(message=f"there is no task at {place!r}", fix=fix))
    return data


def _serve(stdout: TextIO) -> int:
    """Do tasks until standard input ends. The process ends when its caller dies, even in the middle of a task."""
    threading.Thread(target=_end_with, args=(os.getppid(),), name="caller", daemon=True).start()
    for line in sys.stdin:
        _write(stdout, do_task(read_task(line)))
    return 0


def _end_with(caller: int) -> None:
    # The end of the input does not show it: tasks may have been sent all at once.
    while os.getppid() == caller:
        time.sleep(_POLL_SECONDS)
    os._exit(ABANDONED)


def _write(stdout: TextIO, answer: TaskAnswer) -> None:
    stdout.write(answer.model_dump_json() + "\n")
    stdout.flush()


def _exit_code(answer: TaskAnswer) -> int:
    return 0 if answer.failure is None else answer.failure.error(answer.task).exit_code
