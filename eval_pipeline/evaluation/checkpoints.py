"""Checkpoints of attempts, so that a long one that was killed is resumed at the turn it had reached.

Nothing is written unless the suite asks for it.
"""

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from typing_extensions import override

from eval_pipeline.errors import TransientError
from eval_pipeline.settings import cache_folder
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.suite import Suite


def checkpoint_file(suite: Suite) -> Path | None:
    """The file of checkpoints of a suite; None if it keeps none."""
    match suite.spec.evaluation.checkpoints:
        case False:
            return None
        case True:
            return cache_folder() / "checkpoints" / f"{suite.name}.sqlite"
        case str() as named:
            return suite.path(named)


@contextlib.asynccontextmanager
async def open_checkpoints(file: Path | str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """The checkpoints in an SQLite file, which is created if it does not exist.

    Tasks return plain data, so nothing but plain data is ever read back.

    Raises:
        TransientError: the file cannot be created, read or written; also raised by the methods of what is yielded.
    """
    with _errors_of(file):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        # Its content is not redacted: a resumed attempt must see the conversation as it was.
        os.close(os.open(file, os.O_CREAT, 0o600))
    async with _Checkpoints.from_conn_string(str(file)) as saver:
        assert isinstance(saver, _Checkpoints)
        saver.file = file
        saver.serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        await saver.setup()
        yield saver


class _Checkpoints(AsyncSqliteSaver):
    """LangGraph's checkpoints in a file that may fail, which is no error of the case."""

    file: Path | str = ""

    @override
    async def setup(self) -> None:
        with _errors_of(self.file):
            await super().setup()

    @override
    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        with _errors_of(self.file):
            return await super().aget_tuple(config)

    @override
    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        with _errors_of(self.file):
            return await super().aput(config, checkpoint, metadata, new_versions)

    @override
    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        with _errors_of(self.file):
            await super().aput_writes(config, writes, task_id, task_path)

    @override
    async def adelete_thread(self, thread_id: str) -> None:
        with _errors_of(self.file):
            await super().adelete_thread(thread_id)


@contextlib.contextmanager
def _errors_of(file: Path | str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TransientError(
            f"attempts cannot be kept in {file} (evaluation.checkpoints): {reason}",
            fix="see that its disk is neither full nor read-only, or name another file; one that is damaged may be "
            "deleted, for only unfinished attempts are in it",
        ) from error


def attempt_thread(*, suite: str, experiment: str, case_id: str, attempt: int, fingerprint: str) -> str:
    """The thread of an attempt: the same in every process, another one as soon as anything it depends on changes."""
    return f"{suite}/{experiment}/{case_id}/{attempt}/{digest(fingerprint)}"
