"""The operations of one tracing request: runs created and updated, feedback, attachments."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, unprocessable
from eval_pipeline.langsmith.protocol.rules import Violation, validate_feedback, validate_run_patch, validate_run_post
from eval_pipeline.langsmith.protocol.wire import Part, parse_json

PAYLOAD_FIELDS = ("inputs", "outputs", "extra", "events", "serialized")
"""Large fields, sent as parts of their own and stored as the bytes received."""


@dataclass(kw_only=True, slots=True)
class RunOp:
    """Create or update one run. `values` has all fields, parsed; `payload` has the large ones as raw JSON."""

    kind: Literal["post", "patch"]
    run_id: str
    values: dict[str, Any]
    payload: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentOp:
    """One file of a run or an example."""

    owner_id: str
    name: str
    content_type: str
    data: bytes


@dataclass(kw_only=True, slots=True)
class Frame:
    """The operations of one request. A run that is both posted and patched has two, in this order."""

    runs: list[RunOp] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[AttachmentOp] = field(default_factory=list)


def read_parts(parts: Iterable[Part]) -> Frame:
    """Read the parts of `POST /runs/multipart`.

    They are named `post.<id>[.field]`, `patch.<id>[.field]`, `feedback.<id>` and `attachment.<id>.<name>`.

    Raises:
        ErrorResponse: 422 for a part with an unknown name or invalid JSON.
    """
    frame = Frame()
    operations: dict[tuple[str, str], RunOp] = {}
    fields: list[tuple[Part, tuple[str, str], str]] = []
    for part in parts:
        kind, _, rest = part.name.partition(".")
        if kind in ("post", "patch"):
            run_id, _, name = rest.partition(".")
            if name:
                fields.append((part, (kind, run_id), name))
            else:
                operations[kind, run_id] = _operation(kind, run_id, part)
        elif kind == "feedback":
            frame.feedback.append({**_object(part), "id": rest})
        elif kind == "attachment":
            run_id, _, name = rest.partition(".")
            frame.attachments.append(
                AttachmentOp(owner_id=run_id, name=name, content_type=part.content_type, data=part.data)
            )
        else:
            raise unprocessable(f"unexpected part {part.name!r}")
    for part, key, name in fields:
        operation = operations.get(key)
        if operation is None:
            raise unprocessable(f"part {part.name!r} without {'.'.join(key)!r}")
        operation.values[name] = parse_json(part.data)
        if name in PAYLOAD_FIELDS:
            operation.payload[name] = part.data
    frame.runs = list(operations.values())
    return frame


def _operation(kind: str, run_id: str, part: Part) -> RunOp:
    values = _object(part)
    values.setdefault("id", run_id)
    if str(values["id"]) != run_id:
        raise unprocessable(f"error parsing run for {kind}.{run_id}: id {values['id']!r} differs from the part's name")
    return run_operation("post" if kind == "post" else "patch", values)


def _object(part: Part) -> dict[str, Any]:
    value = parse_json(part.data)
    if not isinstance(value, dict):
        raise unprocessable(f"part {part.name!r} is not a JSON object")
    return value


def run_operation(kind: Literal["post", "patch"], values: dict[str, Any]) -> RunOp:
    """The operation of a run sent as one JSON object (`/runs/batch`, `POST /runs`, `PATCH /runs/{id}`)."""
    payload = {name: orjson.dumps(values[name]) for name in PAYLOAD_FIELDS if values.get(name) is not None}
    return RunOp(kind=kind, run_id=str(values.get("id")).lower(), values=values, payload=payload)


def read_batch(body: object) -> Frame:
    """Read the body of `POST /runs/batch`: `{"post": [run…], "patch": [run…]}`.

    Raises:
        ErrorResponse: 422 for another shape.
    """
    if not isinstance(body, dict):
        raise unprocessable("body is not a JSON object")
    frame = Frame()
    for kind in ("post", "patch"):
        runs = body.get(kind) or []
        if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
            raise unprocessable(f"{kind}: not a list of runs")
        frame.runs.extend(run_operation("post" if kind == "post" else "patch", run) for run in runs)
    return frame


def check(frame: Frame, *, now: datetime, window: timedelta | None) -> None:
    """Check every operation against the published rules; one violation refuses the whole request, as on SaaS.

    Raises:
        ErrorResponse: A rule is broken; with the status and text of the first violation.
    """
    for violation in _violations(frame, now, window):
        raise ErrorResponse(violation.status, dict(violation.body))


def _violations(frame: Frame, now: datetime, window: timedelta | None) -> Iterable[Violation]:
    for operation in frame.runs:
        rule = validate_run_post if operation.kind == "post" else validate_run_patch
        yield from rule(operation.values, now=now, window=window)
    for feedback in frame.feedback:
        yield from validate_feedback(feedback)
