"""Checkpoints of attempts, so that a long one that was killed goes on at the turn it had reached.

What is asked for only: without it nothing is written. Belongs here: opening the file, and the name of an attempt's
thread. Does not belong here: what is written (LangGraph saves what each task of `workflow.py` returned).
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from eval_pipeline.digest import digest


@contextlib.asynccontextmanager
async def open_checkpoints(file: Path | str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """The checkpoints in an SQLite file, which is made if it is not there.

    Tasks return plain data, so nothing but plain data is ever read back.
    """
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        saver.serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        yield saver


def attempt_thread(*, suite: str, experiment: str, case_id: str, attempt: int, fingerprint: str) -> str:
    """The thread of an attempt: the same in every process, another one as soon as anything it depends on changes."""
    return f"{suite}/{experiment}/{case_id}/{attempt}/{digest(fingerprint)}"
