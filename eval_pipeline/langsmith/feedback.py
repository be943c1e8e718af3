"""Read feedback and runs from LangSmith or the recorder, and fill annotation queues."""

import contextlib
import itertools
import warnings
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from langsmith.schemas import Feedback, Run
from langsmith.utils import LangSmithConflictError, LangSmithError, LangSmithNotFoundError
from requests import RequestException

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.client import READ_RETRIES
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.errors import server_error
from eval_pipeline.settings import LangSmithSettings

_PAGE = 100
"""The most ids that one request may name."""


class FeedbackServer:
    """One workspace. Close it, or use it in a `with`.

    Every method raises CredentialsError where the key is refused, and TransientError where the server is unreachable.
    """

    def __init__(self, settings: LangSmithSettings | None = None) -> None:
        """`settings`: by default those of the environment.

        Raises:
            InputError: a variable of the environment cannot be used.
        """
        settings = settings or LangSmithSettings.from_environment()
        self.url = settings.source.api_url
        self.connection = Connection(settings.source, settings, insists=True, retries=READ_RETRIES)

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sockets."""
        self.connection.close()

    def feedback(self, session_id: UUID) -> list[Feedback]:
        """All feedback on the runs of an experiment."""
        with self._errors_of(f"feedback cannot be read from {self.url}"):
            return list(self.connection.client.list_feedback(session=[str(session_id)], level="run"))

    def runs(self, session_id: UUID, run_ids: Sequence[str]) -> list[Run]:
        """Those of the runs that the server has."""
        runs: list[Run] = []
        with self._errors_of(f"runs cannot be read from {self.url}"):
            for start in range(0, len(run_ids), _PAGE):
                page = list(run_ids[start : start + _PAGE])
                runs += self.connection.client.list_runs(project_id=session_id, run_ids=page, limit=len(page))
        return runs

    def root_runs(self, project: str, *, where: str | None, error: bool | None, limit: int) -> list[Run]:
        """The newest root runs of a project that meet the conditions.

        Raises:
            InputError: there is no such project.
        """
        with self._errors_of(f"the project {project!r} cannot be read from {self.url}"):
            try:
                # Without `limit`, which the server takes for the size of a page, at most 100.
                runs = self.connection.client.list_runs(project_name=project, is_root=True, filter=where, error=error)
                return list(itertools.islice(runs, limit))
            except LangSmithNotFoundError as missing:
                problem = Problem(message=f"there is no project {project!r} at {self.url}", fix="correct its name")
                raise InputError(problem) from missing

    def turns_and_tools(self, project: str, roots: Sequence[Run]) -> list[Run]:
        """The runs of tools below these roots of a project, and the turns of traces of experiments of ours."""
        if not roots:
            return []
        traces = {run.trace_id for run in roots}
        since = min(run.start_time for run in roots)
        where = 'or(eq(run_type, "tool"), eq(name, "take_turn"))'
        with self._errors_of(f"the project {project!r} cannot be read from {self.url}"):
            runs = self.connection.client.list_runs(project_name=project, filter=where, start_time=since)
            return [run for run in runs if run.trace_id in traces]

    def queue(self, name: str, *, identity: UUID, description: str) -> UUID:
        """The id of the annotation queue of that name, which is created if there is none."""
        client = self.connection.client
        with self._errors_of(f"the annotation queue {name!r} cannot be created at {self.url}"):
            queue = next(client.list_annotation_queues(name=name, limit=1), None)
            if queue is not None:
                return queue.id
            with contextlib.suppress(LangSmithConflictError):  # another process created it meanwhile
                client.create_annotation_queue(name=name, queue_id=identity, description=description)
            return identity

    def queued(self, queue: UUID) -> set[str]:
        """The ids of the runs in a queue, reviewed or not."""
        with self._errors_of(f"the annotation queue cannot be read from {self.url}"):
            return {str(run.id) for run in self.connection.client.list_runs_from_annotation_queue(queue)}

    def enqueue(self, queue: UUID, runs: Sequence[Run]) -> None:
        """Put runs into a queue."""
        keys: list[Any] = [
            {"run_id": run.id, "session_id": run.session_id, "start_time": run.start_time} for run in runs
        ]
        with self._errors_of(f"runs cannot be put into the annotation queue at {self.url}"):
            for start in range(0, len(keys), _PAGE):
                self.connection.client.add_runs_to_annotation_queue(queue, runs=keys[start : start + _PAGE])

    @contextlib.contextmanager
    def _errors_of(self, what: str) -> Iterator[None]:
        try:
            with warnings.catch_warnings():
                # Its successor reads neither whole runs in one request nor those of a server without the v2 API.
                warnings.filterwarnings("ignore", message=r"list_runs\(\) is deprecated")
                yield
        except (LangSmithError, RequestException) as error:
            raise server_error(error, what) from error
