"""Checkpoints of attempts, so that a long one that was killed goes on at the turn it had reached.

What is asked for only: without it nothing is written. Belongs here: where the file is, opening it, and the name of an
attempt's thread. Does not belong here: what is written (LangGraph saves what each task of `workflow.py` returned).
"""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from eval_pipeline.context.cache import cache_folder
from eval_pipeline.digest import digest
from eval_pipeline.suite.suite import Suite


def checkpoint_file(suite: Suite) -> Path | None:
    """Where runs of `suite` keep checkpoints; None: nowhere."""
    match suite.spec.evaluation.checkpoints:
        case False:
            return None
        case True:
            return cache_folder() / "checkpoints" / f"{suite.name}.sqlite"
        case str() as named:
            return suite.path(named)


@contextlib.asynccontextmanager
async def open_checkpoints(file: Path | str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """The checkpoints in an SQLite file, which is made if it is not there.

    Tasks return plain data, so nothing but plain data is ever read back.
    """
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    # What is in it is not redacted: who goes on must see what was said.
    os.close(os.open(file, os.O_CREAT, 0o600))
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        saver.serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        yield saver


def attempt_thread(*, suite: str, experiment: str, case_id: str, attempt: int, fingerprint: str) -> str:
    """The thread of an attempt: the same in every process, another one as soon as anything it depends on changes."""
    return f"{suite}/{experiment}/{case_id}/{attempt}/{digest(fingerprint)}"
