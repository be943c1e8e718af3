"""Pack the attempts that did not pass into the report: an index, transcripts and documents.

Transcripts are compressed in chunks, which the page unpacks when one is opened. Each document of the shared context is
stored once, however many cases it is similar to. Results are read segment by segment.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.analysis.case_values import why_not_passed
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.pages.conversation import of_turns
from eval_pipeline.pages.showing import conversation_html
from eval_pipeline.results.case_result import NOT_PASSED
from eval_pipeline.results.large_values import LargeValues, is_name
from eval_pipeline.results.result_log import IDENTITY, read_results, segment_keys
from eval_pipeline.store.store import Store

CHUNK = 40
MOST_BYTES = 64 * 1024 * 1024
"""The most bytes of packed transcripts; further ones are in the result log only."""
_LONGEST = 20_000
"""The most characters of one text."""
_LONGEST_REASON = 240
"""The most characters of a reason in the index."""
_LONGEST_VALUE = 200_000
"""The most characters of one input or output as JSON."""
_BATCH = 64
_COLUMNS = [
    *IDENTITY,
    "status",
    "score",
    "split",
    "tags",
    "assertions",
    "turns",
    "latency_s",
    "cost_usd",
    "tokens",
    "error",
    "limit",
    "trace_url",
]

Row = Mapping[str, Any]


@dataclass(kw_only=True)
class PackedAttempts:
    """The attempts that did not pass, as the page holds them."""

    index: list[list[Any]] = field(default_factory=list)
    """Case, attempt, status, split, reason, chunk, position in the chunk; chunk -1 means no transcript."""
    chunks: list[str] = field(default_factory=list)
    """Each a JSON list of attempts, as gzip in base64."""
    documents: list[str] = field(default_factory=list)
    """As `chunks`: the documents, in the order of the numbers by which attempts refer to them."""
    left_out: int = 0
    """The number of attempts whose transcripts did not fit."""

    @property
    def packed_index(self) -> str:
        """The index, packed as a chunk is."""
        return _pack(self.index)


def failing_rows(store: Store, suite: str, experiment: str) -> Iterator[Row]:
    """The final result of every attempt that did not pass; one segment in memory at a time."""
    verdicts = read_results(store, suite, experiment, columns=["status"])
    failing = verdicts.filter(pc.is_in(verdicts.column("status"), value_set=pa.array(NOT_PASSED)))
    places = {(row["case_id"], row["attempt"]): _place(row) for row in failing.to_pylist()}
    for key in segment_keys(store, suite, experiment) if places else ():
        table = store.get_table(key)
        if table is None:
            continue
        # Segments of earlier versions lack newer columns.
        present = table.select([name for name in _COLUMNS if name in table.column_names])
        identities = present.select([name for name in IDENTITY if name in present.column_names]).to_pylist()
        counts = [places.get((row["case_id"], row["attempt"])) == _place(row) for row in identities]
        for batch in present.filter(pa.array(counts, pa.bool_())).to_batches(max_chunksize=_BATCH):
            for row in batch.to_pylist():
                if places.pop((row["case_id"], row["attempt"]), None) is not None:
                    yield row


def _place(row: Row) -> tuple[int, Any]:
    """What decides which row of an attempt counts."""
    return row.get("log_order") or 0, row["started_at"]


def pack(rows: Iterable[Row], context: SharedContext | None, values: LargeValues | None = None) -> PackedAttempts:
    """Pack rows for the page, sorted by case and attempt; of large values it says where they are in `values`."""
    packed, numbers, texts = PackedAttempts(), dict[str, int](), list[dict[str, Any]]()
    waiting: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        fits = size < MOST_BYTES
        position = [len(packed.chunks), len(waiting)] if fits else [-1, 0]
        reason = why_not_passed(row)[:_LONGEST_REASON]
        packed.index.append([row["case_id"], row["attempt"], row["status"], row["split"], reason, *position])
        if not fits:
            packed.left_out += 1
            continue
        waiting.append(_attempt(row, _similar(row["case_id"], context, numbers, texts), values))
        if len(waiting) == CHUNK:
            packed.chunks.append(_pack(waiting))
            size += len(packed.chunks[-1])
            waiting = []
    if waiting:
        packed.chunks.append(_pack(waiting))
    packed.documents = [_pack(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]
    packed.index.sort(key=lambda entry: (entry[0], entry[1]))
    return packed


def _attempt(row: Row, documents: Sequence[Sequence[Any]], values: LargeValues | None) -> dict[str, Any]:
    tokens = row.get("tokens") or {}
    return {
        "tags": row["tags"],
        "score": row["score"],
        "latency_s": row["latency_s"],
        "cost_usd": row["cost_usd"],
        "tokens": sum(tokens.get(name) or 0 for name in ("input", "output")),
        "trace": _link(row.get("trace_url")),
        "error": row["error"] and {name: _cut(text) for name, text in row["error"].items()},
        "conversation": str(conversation_html(of_turns([_turn(turn, values) for turn in row["turns"] or []]))),
        "assertions": [
            {name: assertion[name] for name in ("name", "turn", "passed", "score", "label")}
            | {"message": _cut(assertion["message"]), "error": _broke(assertion)}
            for assertion in row["assertions"] or []
        ],
        "documents": documents,
    }


def _turn(turn: Row, values: LargeValues | None) -> dict[str, Any]:
    return {
        "input": _cut(turn["input"]),
        "response": _cut(turn["response"]),
        **{name: _value(turn.get(name), values) for name in ("inputs", "outputs", "state")},
        "events": [_event(event) for event in turn["events"] or [] if event["type"] in _SHOWN],
    }


_SHOWN = {"tool_call", "tool_result", "handoff", "error"}


def _value(held: str | None, values: LargeValues | None) -> Any:
    """An input, outputs or a state that is more than text; of one that is too large, where it is."""
    if held is None:
        return None
    if is_name(held):
        return {"stored": held if values is None else values.uri(held)}
    return json.loads(held) if len(held) <= _LONGEST_VALUE else {"beginning": _cut(held)}


def _event(event: Row) -> dict[str, Any]:
    return {"type": event["type"]} | {
        name: _cut(event[name]) for name in ("id", "name", "args", "content", "data") if event.get(name)
    }


def _broke(assertion: Row) -> str | None:
    return f"{assertion['error']['name']}: {assertion['error']['message']}" if assertion["error"] else None


def _similar(
    case_id: str, context: SharedContext | None, numbers: dict[str, int], texts: list[dict[str, Any]]
) -> list[list[Any]]:
    """Number and score of each document similar to a case; documents without a number are added to `texts`."""
    numbered = []
    for document in () if context is None else context.similar_documents(case_id):
        if document.id not in numbers:
            numbers[document.id] = len(texts)
            texts.append({"id": document.id, "text": _cut(document.text)})
        numbered.append([numbers[document.id], round(document.score, 4)])
    return numbered


def _link(url: str | None) -> str | None:
    """`url`, if it is http(s): a `javascript:` link would be code."""
    return url if url and url.startswith(("http://", "https://")) else None


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … ({len(text) - _LONGEST} characters more)"


def _pack(value: Any) -> str:
    # Without a time stamp the same rows give the same bytes.
    return base64.b64encode(gzip.compress(orjson.dumps(value), 6, mtime=0)).decode()
