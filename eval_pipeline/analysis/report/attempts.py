"""The attempts that did not pass, read segment by segment and packed into the page.

The page holds an index of all of them and, in compressed chunks that are unpacked when somebody looks, their
transcripts. Documents of the shared context are kept once each, however many cases saw them.
"""

import base64
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.analysis.case_values import decided_against
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.results.result_log import read_results, segment_keys
from eval_pipeline.store.store import Store

CHUNK = 40
MOST_BYTES = 64 * 1024 * 1024
"""Of packed transcripts; beyond them the rest is in the result log only."""
_LONGEST = 20_000
"""Characters of one text."""
_WHY = 240
_BATCH = 64
_IDENTITY = ["case_id", "attempt", "started_at"]
_COLUMNS = [
    *_IDENTITY,
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
    "trace_url",
]

Row = Mapping[str, Any]


@dataclass(kw_only=True)
class PackedAttempts:
    """What of the attempts goes into the page."""

    index: list[list[Any]] = field(default_factory=list)
    """Case, attempt, status, split, why, chunk, place in the chunk; a chunk of -1 has no transcript."""
    chunks: list[str] = field(default_factory=list)
    """Each a JSON list of attempts, compressed (gzip) and as base64."""
    documents: list[str] = field(default_factory=list)
    """As `chunks`: the documents, by the number that attempts refer to them by."""
    left_out: int = 0
    """Attempts whose transcripts did not fit."""

    @property
    def packed_index(self) -> str:
        """The index, as a chunk is."""
        return _pack(self.index)


def failing_rows(store: Store, suite: str, experiment: str) -> Iterator[Row]:
    """Every attempt that failed or broke, as it counts, with its transcript; one segment in memory at a time."""
    verdicts = read_results(store, suite, experiment, columns=["status"])
    failing = verdicts.filter(pc.is_in(verdicts.column("status"), value_set=pa.array(["failed", "error"])))
    wanted = {(row["case_id"], row["attempt"]): row["started_at"] for row in failing.to_pylist()}
    for key in segment_keys(store, suite, experiment) if wanted else ():
        table = store.get_table(key)
        if table is None:
            continue
        # A segment written before a column was thought of does not have it.
        present = table.select([name for name in _COLUMNS if name in table.column_names])
        identities = present.select(_IDENTITY).to_pylist()
        counts = [wanted.get((row["case_id"], row["attempt"])) == row["started_at"] for row in identities]
        for batch in present.filter(pa.array(counts, pa.bool_())).to_batches(max_chunksize=_BATCH):
            for row in batch.to_pylist():
                if wanted.pop((row["case_id"], row["attempt"]), None) is not None:
                    yield row


def pack(rows: Iterable[Row], context: SharedContext | None) -> PackedAttempts:
    """The rows as the page holds them, sorted by case and attempt."""
    packed, numbers, texts = PackedAttempts(), dict[str, int](), list[dict[str, Any]]()
    waiting: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        kept = size < MOST_BYTES
        place = [len(packed.chunks), len(waiting)] if kept else [-1, 0]
        packed.index.append([row["case_id"], row["attempt"], row["status"], row["split"], why(row), *place])
        if not kept:
            packed.left_out += 1
            continue
        waiting.append(_attempt(row, _seen(row["case_id"], context, numbers, texts)))
        if len(waiting) == CHUNK:
            packed.chunks.append(_pack(waiting))
            size += len(packed.chunks[-1])
            waiting = []
    if waiting:
        packed.chunks.append(_pack(waiting))
    packed.documents = [_pack(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]
    packed.index.sort(key=lambda entry: (entry[0], entry[1]))
    return packed


def why(row: Row) -> str:
    """Why an attempt did not pass, in a line."""
    if row["error"]:
        return f"{row['error']['name']}: {row['error']['message']}"[:_WHY]
    return "; ".join(f"{found['name']}: {found['message']}" for found in decided_against(row))[:_WHY]


def _attempt(row: Row, documents: Sequence[Sequence[Any]]) -> dict[str, Any]:
    tokens = row.get("tokens") or {}
    return {
        "tags": row["tags"],
        "score": row["score"],
        "latency_s": row["latency_s"],
        "cost_usd": row["cost_usd"],
        "tokens": sum(tokens.get(name) or 0 for name in ("input", "output")),
        "trace": _link(row.get("trace_url")),
        "error": row["error"] and {name: _cut(text) for name, text in row["error"].items()},
        "turns": [
            {
                "in": _cut(turn["input"]),
                "out": _cut(turn["response"]),
                "events": [_event(event) for event in turn["events"] or [] if event["type"] in _SHOWN],
            }
            for turn in row["turns"] or []
        ],
        "assertions": [
            {name: found[name] for name in ("name", "turn", "passed", "score", "label")}
            | {"message": _cut(found["message"]), "error": _broke(found)}
            for found in row["assertions"] or []
        ],
        "documents": documents,
    }


_SHOWN = {"tool_call", "tool_result", "handoff", "error"}


def _event(event: Row) -> dict[str, Any]:
    return {"type": event["type"]} | {
        name: _cut(event[name]) for name in ("name", "args", "content", "data") if event.get(name)
    }


def _broke(found: Row) -> str | None:
    return f"{found['error']['name']}: {found['error']['message']}" if found["error"] else None


def _seen(
    case_id: str, context: SharedContext | None, numbers: dict[str, int], texts: list[dict[str, Any]]
) -> list[list[Any]]:
    """Number and score of each document that the context found for a case; new ones are added to `texts`."""
    found = []
    for document in () if context is None else context.similar_documents(case_id):
        if document.id not in numbers:
            numbers[document.id] = len(texts)
            texts.append({"id": document.id, "text": _cut(document.text)})
        found.append([numbers[document.id], round(document.score, 4)])
    return found


def _link(url: str | None) -> str | None:
    """Nothing but the web: a `javascript:` link in a row would be code."""
    return url if url and url.startswith(("http://", "https://")) else None


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … ({len(text) - _LONGEST} characters more)"


def _pack(value: Any) -> str:
    # mtime: the same rows give the same bytes.
    return base64.b64encode(gzip.compress(orjson.dumps(value), 6, mtime=0)).decode()
