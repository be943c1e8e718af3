"""Runs and feedback on their way to a server: as handed over, and redacted and serialized, once for wire and spool."""

import base64
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

import orjson
import zstandard

from eval_pipeline.langsmith.protocol.jsonable import json_bytes, plain
from eval_pipeline.langsmith.protocol.time_window import retime
from eval_pipeline.langsmith.protocol.times import parse_time
from eval_pipeline.langsmith.protocol.wire import Part, encode_multipart
from eval_pipeline.redaction.identifiers import with_identifiers
from eval_pipeline.redaction.json_batch import redacted_jsons
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import HiddenField

ItemKind = Literal["run", "update", "feedback", "request"]
"""An `update` ends a run that was posted when it began, as LangSmith's PATCH does."""
OF_RUNS: frozenset[ItemKind] = frozenset({"run", "update"})

_REDACTED = b"[redacted:"
_PART_NAMES: Mapping[ItemKind, str] = {"run": "post", "update": "patch", "feedback": "feedback"}
_PAYLOAD = ("inputs", "outputs", "error", "extra", "events", "serialized")
"""Large fields of a run: they travel as parts of their own."""
_NOT_IN_HEAD = frozenset({*_PAYLOAD, "attachments"})
_TEXT = ("text/", "application/json", "application/xml", "application/yaml")
"""How the media types begin of attachments that are redacted as text."""
_REDACTED_HEAD = ("name", "tags", "comment", "value", "correction", "extra", "error")
"""Fields outside the payload that people and models write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedItem:
    """A run, its update, a feedback, or a request that creates a dataset or an experiment: redacted and serialized."""

    kind: ItemKind
    id: str
    trace_id: str | None
    graft: bool
    head: Mapping[str, Any]
    payload: Mapping[str, bytes]
    attachments: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    """Media type and content of files, by name."""
    tries: int = 0
    """How often the server refused it for what it is."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        files = sum(200 + len(data) for _, data in self.attachments.values())
        return 400 + sum(map(len, self.payload.values())) + 200 * len(self.payload) + files

    def line(self) -> bytes:
        """The item as a line of a spool file."""
        return orjson.dumps(
            {
                "kind": self.kind,
                "graft": self.graft,
                "tries": self.tries,
                "head": self.head,
                "payload": {name: orjson.Fragment(data) for name, data in self.payload.items()},
                **({"attachments": _encoded(self.attachments)} if self.attachments else {}),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )

    def refused(self) -> "QueuedItem":
        """The same item, refused once more."""
        return replace(self, tries=self.tries + 1)

    def start(self) -> datetime | None:
        """When the run started, or the run that the feedback is on."""
        value = self.head.get("start_time")
        return None if value is None else parse_time(value)

    def moved(self, delta: timedelta) -> "QueuedItem":
        """The same item, moved in time."""
        if not delta or self.head.get("start_time") is None:
            return self
        if self.kind not in OF_RUNS:
            start = parse_time(self.head["start_time"]) + delta
            return replace(self, head={**self.head, "start_time": start.isoformat(timespec="microseconds")})
        run = {**self.head, **{name: orjson.loads(data) for name, data in self.payload.items()}}
        moved = run_item(retime(run, delta), graft=self.graft, redactor=Redactor(enabled=False))
        return replace(moved, kind=self.kind, attachments=self.attachments)


@dataclass(frozen=True, slots=True)
class PendingItem:
    """A run or feedback as it was handed over, neither redacted nor serialized yet."""

    kind: ItemKind
    body: Mapping[str, Any]
    graft: bool

    @property
    def trace_id(self) -> str | None:
        """The trace it belongs to."""
        trace_id = self.body.get("trace_id")
        return None if trace_id is None else str(trace_id)

    def serialized(self, redactor: Redactor) -> QueuedItem:
        """The item redacted and serialized.

        Raises:
            Exception: of any kind, where the body cannot be serialized.
        """
        if self.kind in OF_RUNS:
            return run_item(self.body, graft=self.graft, redactor=redactor, kind=self.kind)
        return feedback_item(self.body, redactor=redactor)


def serialize(batch: Sequence[PendingItem], redactor: Redactor) -> list[QueuedItem]:
    """Redact and serialize items, in their order; all runs are searched for secrets in one pass.

    Raises:
        Exception: of any kind, where one of them cannot be serialized.
    """
    payloads = [_payload_of(item.body) for item in batch if item.kind in OF_RUNS]
    redacted = iter(redacted_jsons([data for payload in payloads for data in payload.values()], redactor))
    by_run = iter([{name: next(redacted) for name in payload} for payload in payloads])
    return [
        run_item(item.body, graft=item.graft, redactor=redactor, kind=item.kind, redacted=next(by_run))
        if item.kind in OF_RUNS
        else item.serialized(redactor)
        for item in batch
    ]


def without_hidden(item: PendingItem, hidden: AbstractSet[HiddenField]) -> PendingItem:
    """A run without what `LANGSMITH_HIDE_…` keeps here: its inputs, its outputs and events, or its metadata."""
    if not hidden or item.kind not in OF_RUNS:
        return item
    body = dict(item.body)
    for name in hidden & body.keys():
        body[name] = {}
    if "outputs" in hidden and body.get("events"):
        body["events"] = []  # the pieces of a streamed answer
    if "metadata" in hidden and body.get("extra"):
        body["extra"] = {**body["extra"], "metadata": {}}
    return replace(item, body=body)


def run_item(
    run: Mapping[str, Any],
    *,
    graft: bool,
    redactor: Redactor,
    kind: ItemKind = "run",
    redacted: Mapping[str, bytes] | None = None,
) -> QueuedItem:
    """The item of a run, or of its update; `redacted` is its payload if that was redacted before."""
    head = {name: value for name, value in run.items() if value is not None and name not in _NOT_IN_HEAD}
    if redacted is None:
        redacted = {name: redactor.json(data) for name, data in _payload_of(run).items()}
    item = _item(kind, head, redacted, graft=graft, redactor=redactor)
    item = _with_identifiers(item, run) if redactor.enabled else item
    files = run.get("attachments")
    return replace(item, attachments=_redacted(files, redactor)) if files else item


def feedback_item(feedback: Mapping[str, Any], *, redactor: Redactor) -> QueuedItem:
    """The item of one feedback."""
    head = {name: value for name, value in feedback.items() if value is not None}
    return _item("feedback", head, {}, graft=False, redactor=redactor)


def request_item(method: str, path: str, body: Any, *, params: Mapping[str, str] | None = None) -> QueuedItem:
    """The item of a request that creates what runs refer to. The caller redacts its body."""
    identity = str(uuid4())
    head = {"id": identity, "method": method, "path": path, "params": dict(params or {})}
    return QueuedItem(
        kind="request", id=identity, trace_id=None, graft=False, head=head, payload={"body": json_bytes(body)}
    )


def read_line(line: bytes) -> QueuedItem:
    """The inverse of `QueuedItem.line`.

    Raises:
        ValueError: the line is not one, or only part of one.
    """
    try:
        document = orjson.loads(line)
        head = document["head"]
        return QueuedItem(
            kind=document["kind"],
            id=head["id"],
            trace_id=head.get("trace_id"),
            graft=document["graft"],
            tries=document["tries"],
            head=head,
            payload={name: orjson.dumps(value) for name, value in document["payload"].items()},
            attachments={
                name: (kind, base64.b64decode(data)) for name, (kind, data) in document.get("attachments", {}).items()
            },
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an item of the spool: {error!r}") from error


def frames(items: Iterable[QueuedItem], *, most: int, max_bytes: int) -> Iterator[list[QueuedItem]]:
    """Cut items into frames. Grafts travel in frames of their own, so that a bad copy never holds up an original."""
    open_frames: dict[bool, list[QueuedItem]] = {False: [], True: []}
    sizes = {False: 0, True: 0}
    for item in items:
        frame = open_frames[item.graft]
        if frame and (len(frame) >= most or sizes[item.graft] + item.size > max_bytes):
            yield frame
            frame = open_frames[item.graft] = []
            sizes[item.graft] = 0
        frame.append(item)
        sizes[item.graft] += item.size
    yield from (frame for frame in open_frames.values() if frame)


def encode_frame(items: Sequence[QueuedItem], *, compress: bool) -> tuple[bytes, dict[str, str]]:
    """The body of `POST /runs/multipart`, and its headers."""
    boundary = uuid4().hex
    body = encode_multipart([part for item in items for part in _parts(item)], boundary)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if not compress:
        return body, headers
    packed = zstandard.ZstdCompressor(level=1).compress(body)
    sizes = {"X-Pre-Compressed-Size": str(len(body)), "X-Post-Compressed-Size": str(len(packed))}
    return packed, {**headers, "Content-Encoding": "zstd", **sizes}


def _with_identifiers(item: QueuedItem, run: Mapping[str, Any]) -> QueuedItem:
    """The redacted item of a run, with the ids in its metadata, and its case's id elsewhere, as they are."""
    metadata = (run.get("extra") or {}).get("metadata") or {}
    case_id = metadata.get("case_id")
    payload = dict(item.payload)
    if _REDACTED in payload.get("extra", b""):
        extra = orjson.loads(payload["extra"])
        payload["extra"] = orjson.dumps({**extra, "metadata": with_identifiers(metadata, extra["metadata"])})
    if case_id is not None and _REDACTED in payload.get("inputs", b""):
        inputs = orjson.loads(payload["inputs"])
        if "case_id" in inputs and plain(run["inputs"])["case_id"] == case_id:
            payload["inputs"] = orjson.dumps({**inputs, "case_id": case_id})
    named = case_id is not None and run.get("name") == case_id
    return replace(item, payload=payload, head={**item.head, "name": case_id} if named else item.head)


def _payload_of(run: Mapping[str, Any]) -> dict[str, bytes]:
    """The large fields of a run as JSON, not redacted."""
    return {name: json_bytes(run[name]) for name in _PAYLOAD if run.get(name) is not None}


def _item(
    kind: ItemKind, fields: dict[str, Any], payload: Mapping[str, bytes], *, graft: bool, redactor: Redactor
) -> QueuedItem:
    head = plain(fields)
    for name in _REDACTED_HEAD:
        if head.get(name):
            head[name] = redactor.value(head[name])
    return QueuedItem(kind=kind, id=head["id"], trace_id=head.get("trace_id"), graft=graft, head=head, payload=payload)


def _parts(item: QueuedItem) -> Iterator[Part]:
    name = f"{_PART_NAMES[item.kind]}.{item.id}"
    yield Part(name=name, content_type="application/json", data=orjson.dumps(item.head))
    for part, data in item.payload.items():
        yield Part(name=f"{name}.{part}", content_type="application/json", data=data)
    for file, (kind, data) in item.attachments.items():
        yield Part(name=f"attachment.{item.id}.{file}", content_type=kind, data=data)


def _encoded(attachments: Mapping[str, tuple[str, bytes]]) -> dict[str, tuple[str, str]]:
    return {name: (kind, base64.b64encode(data).decode()) for name, (kind, data) in attachments.items()}


def _redacted(attachments: Mapping[str, tuple[str, bytes]], redactor: Redactor) -> dict[str, tuple[str, bytes]]:
    """Attachments without secrets in those that are text; nothing is searched for in pictures and other files."""
    redacted = {}
    for name, (kind, data) in attachments.items():
        content = data
        if kind.lower().startswith(_TEXT):
            with contextlib.suppress(UnicodeDecodeError):
                content = redactor.text(data.decode()).encode()
        redacted[name] = (kind, content)
    return redacted
