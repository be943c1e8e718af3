"""Forward a recording to another LangSmith endpoint: datasets, projects, runs and feedback.

Ids are kept and what the endpoint has already counts as sent, so that forwarding twice sends nothing twice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import orjson

from eval_pipeline.langsmith.protocol.time_window import delta_for, retime
from eval_pipeline.langsmith.protocol.times import parse_time
from eval_pipeline.langsmith.protocol.wire import Part, encode_multipart
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.endpoint import Endpoint
from eval_pipeline.recorder.errors import RecorderError
from eval_pipeline.recorder.frame import PAYLOAD_FIELDS

_BATCH = 100
_PAGE = 500
_CONFLICT = 409
_FIRST_ERROR = 400
_DATASET_FIELDS = (
    "id",
    "name",
    "description",
    "data_type",
    "metadata",
    "inputs_schema_definition",
    "outputs_schema_definition",
)
_EXAMPLE_FIELDS = ("id", "inputs", "outputs", "metadata", "created_at")
_SESSION_FIELDS = ("id", "name", "description", "extra", "start_time", "end_time")
_RUN_FIELDS = (
    "id",
    "name",
    "run_type",
    "start_time",
    "end_time",
    "error",
    "tags",
    "trace_id",
    "parent_run_id",
    "dotted_order",
    "reference_example_id",
    "session_id",
)


@dataclass(kw_only=True)
class ForwardReport:
    """How many of each were sent. `rejected` has the id of each run, example or feedback refused, and the answer."""

    datasets: int = 0
    examples: int = 0
    sessions: int = 0
    runs: int = 0
    feedback: int = 0
    already_there: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)


def forward(recorder: Recorder, endpoint: Endpoint) -> ForwardReport:
    """Send everything: datasets with their current examples, projects, runs with attachments, feedback.

    Runs older than LangSmith's time window are moved into it, by the same delta if the whole recording fits into the
    window and by a delta for each trace if not. Ids are kept, except those of a dataset or project whose name the
    endpoint has already.

    Raises:
        EndpointError: The endpoint does not answer, or failed every attempt.
        RecorderError: The endpoint refuses a dataset or project.
    """
    return _Forwarding(recorder, endpoint).run()


class _Forwarding:
    """One forward in progress: the report, and the ids that datasets and projects have at the endpoint."""

    def __init__(self, recorder: Recorder, endpoint: Endpoint) -> None:
        self._recorder = recorder
        self._endpoint = endpoint
        self._report = ForwardReport()
        self._datasets: dict[str, str] = {}
        self._sessions: dict[str, str] = {}
        self._deltas = _deltas(recorder)

    def run(self) -> ForwardReport:
        for dataset in self._recorder.datasets.find(limit=-1):
            self._send_dataset(dataset)
        for session in self._recorder.sessions.find(limit=-1):
            self._send_session(session)
        for batch in _batches(self._runs(), _BATCH):
            self._send_runs(batch)
        for feedback in self._feedback():
            status, answer = self._endpoint.json("POST", "/feedback", feedback)
            if self._accepted(feedback["id"], status, answer):
                self._report.feedback += 1
        return self._report

    def _accepted(self, identity: str, status: int, answer: Any) -> bool:
        """Whether the endpoint accepted one object; otherwise count what happened to it."""
        if status == _CONFLICT:
            self._report.already_there += 1
        elif status >= _FIRST_ERROR:
            self._report.rejected.append((identity, f"{status} {answer}"))
        return status < _FIRST_ERROR

    def _send_dataset(self, dataset: dict[str, Any]) -> None:
        body = {name: dataset[name] for name in _DATASET_FIELDS if dataset.get(name) is not None}
        status, answer = self._endpoint.json("POST", "/datasets", body)
        if status == _CONFLICT:
            status, namesakes = self._endpoint.json("GET", "/datasets", name=dataset["name"], limit=1)
            answer = namesakes[0] if namesakes else answer
        if status >= _FIRST_ERROR or "id" not in answer:
            raise RecorderError(f"dataset {dataset['name']!r}: {status} {answer}")
        self._report.datasets += 1
        self._datasets[dataset["id"]] = str(answer["id"])
        for batch in _batches(self._recorder.examples.find(dataset_id=dataset["id"], limit=-1), _BATCH):
            self._send_examples(batch, str(answer["id"]))

    def _send_examples(self, batch: list[dict[str, Any]], dataset_id: str) -> None:
        bodies = [{**{name: example[name] for name in _EXAMPLE_FIELDS}, "dataset_id": dataset_id} for example in batch]
        for body in bodies:
            body["split"] = (body["metadata"] or {}).get("dataset_split")
        status, answer = self._endpoint.json("POST", "/examples/bulk", bodies)
        if status < _FIRST_ERROR:
            self._report.examples += len(bodies)
        elif len(batch) == 1:
            self._accepted(batch[0]["id"], status, answer)
        else:
            # An example that the endpoint has makes it refuse the whole batch.
            for example in batch:
                self._send_examples([example], dataset_id)

    def _send_session(self, session: dict[str, Any]) -> None:
        body = {name: session.get(name) for name in _SESSION_FIELDS}
        dataset_id = session["reference_dataset_id"]
        body["reference_dataset_id"] = self._datasets.get(dataset_id, dataset_id)
        body = {name: value for name, value in body.items() if value is not None}
        status, answer = self._endpoint.json("POST", "/sessions", body, upsert="true")
        if status >= _FIRST_ERROR:
            raise RecorderError(f"project {session['name']!r}: {status} {answer}")
        self._report.sessions += 1
        self._sessions[session["id"]] = str(answer["id"])

    def _runs(self) -> Iterator[dict[str, Any]]:
        for trace_id, delta in self._deltas.items():
            offset = 0
            while runs := self._recorder.runs.of_trace(trace_id, limit=_PAGE, offset=offset):
                offset += len(runs)
                for run in runs:
                    # A run whose post did not arrive has no place in a trace yet.
                    if run["dotted_order"] and run["start_time"]:
                        yield {**retime(run, delta), "session_id": self._sessions[run["session_id"]]}

    def _send_runs(self, batch: list[dict[str, Any]]) -> None:
        boundary = uuid4().hex
        parts = [part for run in batch for part in self._parts(run)]
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        status, answer = self._endpoint.send("POST", "/runs/multipart", encode_multipart(parts, boundary), headers)
        if status < _FIRST_ERROR:
            self._report.runs += len(batch)
        elif status == _CONFLICT:
            self._report.already_there += len(batch)
        elif len(batch) == 1:
            self._report.rejected.append((batch[0]["id"], f"{status} {answer}"))
        else:
            # One invalid run makes the endpoint refuse its whole frame: halve until it is alone.
            middle = len(batch) // 2
            self._send_runs(batch[:middle])
            self._send_runs(batch[middle:])

    def _parts(self, run: dict[str, Any]) -> Iterator[Part]:
        name = f"post.{run['id']}"
        yield _json_part(name, {key: run[key] for key in _RUN_FIELDS if run.get(key) is not None})
        for payload in PAYLOAD_FIELDS:
            if run.get(payload) is not None:
                yield _json_part(f"{name}.{payload}", run[payload])
        for file, _ in run.get("attachment_names") or []:
            content_type, data = self._recorder.runs.attachment(run["id"], file)
            yield Part(name=f"attachment.{run['id']}.{file}", content_type=content_type, data=data)

    def _feedback(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while page := self._recorder.feedback.find(limit=_PAGE, offset=offset):
            offset += len(page)
            for feedback in page:
                delta = self._deltas.get(feedback["trace_id"] or "", timedelta(0))
                if feedback.get("start_time"):
                    feedback["start_time"] = (parse_time(feedback["start_time"]) + delta).isoformat()
                feedback["session_id"] = self._sessions.get(feedback["session_id"], feedback["session_id"])
                yield {name: value for name, value in feedback.items() if value is not None}


def _deltas(recorder: Recorder) -> dict[str, timedelta]:
    """The time by which each trace is moved."""
    now = recorder.now()
    spans = recorder.runs.trace_times()
    if not spans:
        return {}
    oldest, newest = min(first for _, first, _ in spans), max(last for _, _, last in spans)
    common = delta_for(oldest, newest, now)
    if common is not None:
        return {trace_id: common for trace_id, _, _ in spans}
    return {trace_id: delta_for(first, last, now) or timedelta(0) for trace_id, first, last in spans}


def _json_part(name: str, value: Any) -> Part:
    return Part(name=name, content_type="application/json", data=orjson.dumps(value))


def _batches(items: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
