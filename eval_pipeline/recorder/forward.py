"""Sending what was recorded to another LangSmith endpoint: datasets, sessions, runs, feedback; or the raw journal.

Sending twice is harmless: ids are kept, and what is there already counts as there.
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
from eval_pipeline.recorder.errors import RecorderError
from eval_pipeline.recorder.frame import PAYLOAD_FIELDS
from eval_pipeline.recorder.store.journal import JournalEntry
from eval_pipeline.recorder.target import Target

_BATCH = 100
_PAGE = 500
_CONFLICT = 409
_FIRST_ERROR = 400
_REPLAYED_HEADERS = frozenset({"content-type", "content-encoding"})
_RUN_FIELDS = [
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
]


@dataclass(kw_only=True)
class ForwardReport:
    """What a forward did. `rejected` has the id of each run or feedback that was refused, and the answer."""

    datasets: int = 0
    examples: int = 0
    sessions: int = 0
    runs: int = 0
    feedback: int = 0
    already_there: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)


def forward(recorder: Recorder, target: Target) -> ForwardReport:
    """Send everything: datasets with their current examples, sessions, runs with attachments, feedback.

    Runs older than LangSmith's window are moved into it by one delta for all; where the recording is longer than the
    window, by one delta for each trace. Ids are kept, save where the target has a dataset or session of that name.

    Raises:
        TargetError: the target stays unreachable or failing.
        RecorderError: the target refuses a dataset or session.
    """
    report = ForwardReport()
    everything = recorder.datasets.find(limit=-1)
    datasets = {dataset["id"]: _send_dataset(dataset, recorder, target, report) for dataset in everything}
    sessions = {
        session["id"]: _send_session(session, datasets, target, report) for session in recorder.sessions.find(limit=-1)
    }
    deltas = _deltas(recorder)
    for batch in _batches(_runs(recorder, sessions, deltas), _BATCH):
        _send_runs(batch, recorder, target, report)
    for feedback in _feedback(recorder, sessions, deltas):
        status, answer = target.json("POST", "/feedback", feedback)
        _count(report, "feedback", feedback["id"], status, answer)
    return report


def replay(entries: Iterable[JournalEntry], target: Target) -> list[tuple[JournalEntry, int]]:
    """Send journalled requests again, byte for byte, in their order; each with the status it was answered with.

    Right for tracing, whose ids are the client's. A dataset's id is the server's, so that what names it is not found
    at another server; `forward` maps such ids.

    Raises:
        TargetError: the target stays unreachable or failing.
    """
    answers = []
    for entry in entries:
        headers = {name: value for name, value in entry.headers.items() if name in _REPLAYED_HEADERS}
        status, _ = target.send(entry.method, entry.path, entry.body, headers)
        answers.append((entry, status))
    return answers


def _count(report: ForwardReport, what: str, identity: str, status: int, answer: Any) -> None:
    if status == _CONFLICT:
        report.already_there += 1
    elif status >= _FIRST_ERROR:
        report.rejected.append((identity, f"{status} {answer}"))
    else:
        setattr(report, what, getattr(report, what) + 1)


def _send_dataset(dataset: dict[str, Any], recorder: Recorder, target: Target, report: ForwardReport) -> str:
    names = [
        "id",
        "name",
        "description",
        "data_type",
        "metadata",
        "inputs_schema_definition",
        "outputs_schema_definition",
    ]
    body = {name: dataset[name] for name in names if dataset.get(name) is not None}
    status, answer = target.json("POST", "/datasets", body)
    if status == _CONFLICT:
        status, found = target.json("GET", "/datasets", name=dataset["name"], limit=1)
        answer = found[0] if found else answer
    if status >= _FIRST_ERROR or "id" not in answer:
        raise RecorderError(f"dataset {dataset['name']!r}: {status} {answer}")
    report.datasets += 1
    for batch in _batches(recorder.examples.find(dataset_id=dataset["id"], limit=-1), _BATCH):
        _send_examples(batch, str(answer["id"]), target, report)
    return str(answer["id"])


def _send_examples(batch: list[dict[str, Any]], dataset_id: str, target: Target, report: ForwardReport) -> None:
    fields = ("id", "inputs", "outputs", "metadata", "created_at")
    bodies = [{**{name: example[name] for name in fields}, "dataset_id": dataset_id} for example in batch]
    for body in bodies:
        body["split"] = (body["metadata"] or {}).get("dataset_split")
    status, answer = target.json("POST", "/examples/bulk", bodies)
    if status < _FIRST_ERROR:
        report.examples += len(bodies)
    elif len(batch) == 1:
        _count(report, "examples", batch[0]["id"], status, answer)
    else:
        # One that exists refuses its whole batch.
        for example in batch:
            _send_examples([example], dataset_id, target, report)


def _send_session(session: dict[str, Any], datasets: dict[str, str], target: Target, report: ForwardReport) -> str:
    body = {name: session.get(name) for name in ("id", "name", "description", "extra", "start_time", "end_time")}
    dataset_id = session["reference_dataset_id"]
    body["reference_dataset_id"] = datasets.get(dataset_id, dataset_id)
    body = {name: value for name, value in body.items() if value is not None}
    status, answer = target.json("POST", "/sessions", body, upsert="true")
    if status >= _FIRST_ERROR:
        raise RecorderError(f"session {session['name']!r}: {status} {answer}")
    report.sessions += 1
    return str(answer["id"])


def _deltas(recorder: Recorder) -> dict[str, timedelta]:
    """By how much each trace is moved."""
    now = recorder.now()
    spans = recorder.runs.trace_times()
    if not spans:
        return {}
    oldest, newest = min(first for _, first, _ in spans), max(last for _, _, last in spans)
    common = delta_for(oldest, newest, now)
    if common is not None:
        return {trace_id: common for trace_id, _, _ in spans}
    return {trace_id: delta_for(first, last, now) or timedelta(0) for trace_id, first, last in spans}


def _runs(recorder: Recorder, sessions: dict[str, str], deltas: dict[str, timedelta]) -> Iterator[dict[str, Any]]:
    for trace_id, delta in deltas.items():
        offset = 0
        while runs := recorder.runs.of_trace(trace_id, limit=_PAGE, offset=offset):
            offset += len(runs)
            for run in runs:
                # A run of which only the patch arrived has no place in a trace yet.
                if run["dotted_order"] and run["start_time"]:
                    yield {**retime(run, delta), "session_id": sessions[run["session_id"]]}


def _send_runs(batch: list[dict[str, Any]], recorder: Recorder, target: Target, report: ForwardReport) -> None:
    boundary = uuid4().hex
    parts = [part for run in batch for part in _parts(run, recorder)]
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    status, answer = target.send("POST", "/runs/multipart", encode_multipart(parts, boundary), headers)
    if status < _FIRST_ERROR:
        report.runs += len(batch)
    elif status == _CONFLICT:
        report.already_there += len(batch)
    elif len(batch) == 1:
        report.rejected.append((batch[0]["id"], f"{status} {answer}"))
    else:
        # One bad run refuses its whole frame: halve until it stands alone.
        middle = len(batch) // 2
        _send_runs(batch[:middle], recorder, target, report)
        _send_runs(batch[middle:], recorder, target, report)


def _parts(run: dict[str, Any], recorder: Recorder) -> Iterator[Part]:
    head = {name: run[name] for name in _RUN_FIELDS if run.get(name) is not None}
    name = f"post.{run['id']}"
    yield _json_part(name, {**head, "session_id": run["session_id"]})
    for payload in PAYLOAD_FIELDS:
        if run.get(payload) is not None:
            yield _json_part(f"{name}.{payload}", run[payload])
    for file, _ in run.get("attachment_names") or []:
        content_type, data = recorder.runs.attachment(run["id"], file)
        yield Part(name=f"attachment.{run['id']}.{file}", content_type=content_type, data=data)


def _json_part(name: str, value: Any) -> Part:
    return Part(name=name, content_type="application/json", data=orjson.dumps(value))


def _feedback(recorder: Recorder, sessions: dict[str, str], deltas: dict[str, timedelta]) -> Iterator[dict[str, Any]]:
    offset = 0
    while page := recorder.feedback.find(limit=_PAGE, offset=offset):
        offset += len(page)
        for feedback in page:
            delta = deltas.get(feedback["trace_id"] or "", timedelta(0))
            if feedback.get("start_time"):
                feedback["start_time"] = (parse_time(feedback["start_time"]) + delta).isoformat()
            feedback["session_id"] = sessions.get(feedback["session_id"], feedback["session_id"])
            yield {name: value for name, value in feedback.items() if value is not None}


def _batches(items: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
