"""One run, feedback, or request that comes before them, on its way: redacted, serialized once for wire and spool."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

import orjson
import zstandard

from eval_pipeline.langsmith.protocol.time_window import retime
from eval_pipeline.langsmith.protocol.times import parse_time
from eval_pipeline.langsmith.protocol.wire import Part, encode_multipart
from eval_pipeline.redaction.json_batch import redacted_jsons
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.tracing.shape.jsonable import json_bytes, plain

Kind = Literal["run", "feedback", "request"]

_PAYLOAD = ("inputs", "outputs", "error", "extra", "events", "serialized")
"""Large fields of a run: they travel as parts of their own."""
_REDACTED_HEAD = ("name", "tags", "comment", "value", "correction", "extra", "error")
"""What people and models write, in what is not payload."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A complete run, a feedback, or a request by which a dataset or an experiment comes to be."""

    kind: Kind
    id: str
    trace_id: str | None
    graft: bool
    head: Mapping[str, Any]
    payload: Mapping[str, bytes]
    tries: int = 0
    """How often it was refused for what it is."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        return 400 + sum(map(len, self.payload.values())) + 200 * len(self.payload)

    def line(self) -> bytes:
        """The parcel as a line of a spool file."""
        return orjson.dumps(
            {
                "kind": self.kind,
                "graft": self.graft,
                "tries": self.tries,
                "head": self.head,
                "payload": {name: orjson.Fragment(data) for name, data in self.payload.items()},
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )

    def refused(self) -> "Parcel":
        """The same, refused once more."""
        return replace(self, tries=self.tries + 1)

    def start(self) -> datetime | None:
        """When the run started; of a feedback, the run it is of."""
        value = self.head.get("start_time")
        return None if value is None else parse_time(value)

    def moved(self, delta: timedelta) -> "Parcel":
        """The same, moved in time."""
        if not delta or self.head.get("start_time") is None:
            return self
        if self.kind != "run":
            start = parse_time(self.head["start_time"]) + delta
            return replace(self, head={**self.head, "start_time": start.isoformat(timespec="microseconds")})
        run = {**self.head, **{name: orjson.loads(data) for name, data in self.payload.items()}}
        return run_parcel(retime(run, delta), graft=self.graft, redactor=Redactor(enabled=False))


def _payload_of(run: Mapping[str, Any]) -> dict[str, bytes]:
    """The large fields of a run as JSON, not redacted."""
    return {name: json_bytes(run[name]) for name in _PAYLOAD if run.get(name) is not None}


def run_parcel(
    run: Mapping[str, Any], *, graft: bool, redactor: Redactor, redacted: Mapping[str, bytes] | None = None
) -> Parcel:
    """The parcel of a complete run; `redacted` is its payload if that was redacted before."""
    head = {name: value for name, value in run.items() if value is not None and name not in _PAYLOAD}
    if redacted is None:
        redacted = {name: redactor.json(data) for name, data in _payload_of(run).items()}
    return _parcel("run", head, redacted, graft=graft, redactor=redactor)


def run_parcels(runs: Sequence[tuple[Mapping[str, Any], bool]], *, redactor: Redactor) -> list[Parcel]:
    """The parcels of complete runs, each given with whether it is a graft: all are looked through in one pass."""
    payloads = [_payload_of(run) for run, _ in runs]
    redacted = iter(redacted_jsons([data for payload in payloads for data in payload.values()], redactor))
    return [
        run_parcel(run, graft=graft, redactor=redactor, redacted={name: next(redacted) for name in payload})
        for (run, graft), payload in zip(runs, payloads, strict=True)
    ]


def feedback_parcel(feedback: Mapping[str, Any], *, redactor: Redactor) -> Parcel:
    """The parcel of one feedback."""
    head = {name: value for name, value in feedback.items() if value is not None}
    return _parcel("feedback", head, {}, graft=False, redactor=redactor)


def request_parcel(method: str, path: str, body: Any, *, params: Mapping[str, str] | None = None) -> Parcel:
    """The parcel of a request that makes what runs refer to. Its body is redacted by whoever asks."""
    identity = str(uuid4())
    head = {"id": identity, "method": method, "path": path, "params": dict(params or {})}
    return Parcel(
        kind="request", id=identity, trace_id=None, graft=False, head=head, payload={"body": json_bytes(body)}
    )


def read_line(line: bytes) -> Parcel:
    """The inverse of `Parcel.line`.

    Raises:
        ValueError: the line is not one, or only part of one.
    """
    try:
        found = orjson.loads(line)
        head = found["head"]
        return Parcel(
            kind=found["kind"],
            id=head["id"],
            trace_id=head.get("trace_id"),
            graft=found["graft"],
            tries=found["tries"],
            head=head,
            payload={name: orjson.dumps(value) for name, value in found["payload"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a parcel: {error!r}") from error


def frames(parcels: Iterable[Parcel], *, most: int, max_bytes: int) -> Iterator[list[Parcel]]:
    """Cut into frames. Grafts travel apart, so that what is wrong with a copy can never hold up an original."""
    lanes: dict[bool, list[Parcel]] = {False: [], True: []}
    sizes = {False: 0, True: 0}
    for parcel in parcels:
        lane = lanes[parcel.graft]
        if lane and (len(lane) >= most or sizes[parcel.graft] + parcel.size > max_bytes):
            yield lane
            lane = lanes[parcel.graft] = []
            sizes[parcel.graft] = 0
        lane.append(parcel)
        sizes[parcel.graft] += parcel.size
    yield from (lane for lane in lanes.values() if lane)


def encode_frame(parcels: Sequence[Parcel], *, compress: bool) -> tuple[bytes, dict[str, str]]:
    """The body of `POST /runs/multipart`, and its headers."""
    boundary = uuid4().hex
    body = encode_multipart([part for parcel in parcels for part in _parts(parcel)], boundary)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if not compress:
        return body, headers
    packed = zstandard.ZstdCompressor(level=1).compress(body)
    sizes = {"X-Pre-Compressed-Size": str(len(body)), "X-Post-Compressed-Size": str(len(packed))}
    return packed, {**headers, "Content-Encoding": "zstd", **sizes}


def _parcel(
    kind: Kind, head: dict[str, Any], payload: Mapping[str, bytes], *, graft: bool, redactor: Redactor
) -> Parcel:
    said = plain(head)
    for name in _REDACTED_HEAD:
        if said.get(name):
            said[name] = redactor.value(said[name])
    return Parcel(kind=kind, id=said["id"], trace_id=said.get("trace_id"), graft=graft, head=said, payload=payload)


def _parts(parcel: Parcel) -> Iterator[Part]:
    name = f"{'post' if parcel.kind == 'run' else 'feedback'}.{parcel.id}"
    yield Part(name=name, content_type="application/json", data=orjson.dumps(parcel.head))
    for field, data in parcel.payload.items():
        yield Part(name=f"{name}.{field}", content_type="application/json", data=data)
