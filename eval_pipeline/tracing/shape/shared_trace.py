"""Record the shared context's own trace while a snapshot is built; the snapshot keeps it as part `trace`."""

import contextlib
import datetime as dt
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pyarrow as pa
from langsmith import RunTree, tracing_context
from typing_extensions import override

from eval_pipeline.context.build_recorder import BuildRecorder, Search, StepKind, StepRecord
from eval_pipeline.langsmith.protocol.jsonable import as_object, json_bytes
from eval_pipeline.langsmith.protocol.rules import validate_run_post
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.runs.collecting_client import CollectingClient
from eval_pipeline.tracing.shape.completion import complete
from eval_pipeline.tracing.shape.fields import LIVE_FIELD_BYTES, Redact, as_it_is, capped
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun, complete_run, uuid7_at
from eval_pipeline.tracing.shape.spans import Span, parents_first, table_of_spans

_log = logger_of(__name__)

MOST_RUNS = 20_000
"""In one trace; LangSmith refuses runs beyond 25,000. Searches beyond this number stay in the snapshot."""


def shared_project(suite: str) -> str:
    """The project of a suite's shared traces."""
    return f"{suite}-shared"


class SharedTraceRecorder(BuildRecorder):
    """Records one build. Runs of models and tools within a step are its children."""

    def __init__(self, *, redact: Redact = as_it_is) -> None:
        """`redact` is applied to everything, since the snapshot keeps it."""
        self._client = CollectingClient()
        self._redact = redact
        self._open: list[RunTree] = []
        self._searches: list[Span] = []
        self.spans: list[Span] = []
        """The spans of the build, its root first; empty until the build ends, and if the snapshot was reused."""

    @override
    @contextlib.contextmanager
    def step(self, name: str, *, kind: StepKind = "chain", inputs: Mapping[str, Any]) -> Iterator[StepRecord]:
        """Record a step; the first is the root."""
        if self._open:
            tree = self._open[-1].create_child(name, run_type=kind, inputs=dict(inputs))
            tracing = tracing_context(parent=tree, client=self._client, enabled=True)
        else:
            tree = RunTree(name=name, run_type=kind, inputs=dict(inputs), ls_client=self._client, replicas=[])
            tracing = self._client.collecting(tree)
        self._open.append(tree)
        record = _Step(tree)
        try:
            with tracing:
                yield record
        except BaseException as error:
            tree.end(outputs=record.recorded, error=f"{type(error).__name__}: {error}")
            raise
        else:
            tree.end(outputs=record.recorded)
        finally:
            self._open.pop()
            self._searches += record.spans
            if self._open:
                tree.post()
            else:
                self._close(tree)

    @override
    def table(self) -> pa.Table | None:
        """The spans of the build."""
        return table_of_spans(self.spans) if self.spans else None

    def _close(self, root: RunTree) -> None:
        try:
            self.spans = [self._redacted(span) for span in self._recorded(root)]
        except Exception:  # noqa: BLE001 - a trace must never cost the snapshot it is about
            _log.exception("the trace of the shared context is lost")
        self._searches = []

    def _recorded(self, root: RunTree) -> list[Span]:
        end = root.end_time or dt.datetime.now(tz=dt.UTC)
        whole = complete_run(
            run_id=str(root.id),
            below=None,
            name=root.name,
            run_type=root.run_type,
            start_time=root.start_time,
            end_time=end,
            session_name="",
            inputs=as_object(root.inputs),
            outputs=as_object(root.outputs),
            error=root.error,
            metadata={},
        )
        steps = complete(self._client.take(root), below=Anchor.of(whole), end_time=end, labels={})
        return [Span.of(whole), *map(Span.of, steps.runs), *self._searches]

    def _redacted(self, span: Span) -> Span:
        before = json_bytes({name: getattr(span, name) for name in ("inputs", "outputs", "metadata", "error")})
        after = self._redact(before)
        return span if after == before else replace(span, **orjson.loads(after))


@dataclass
class _Step(StepRecord):
    tree: RunTree
    recorded: dict[str, Any] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    @override
    def outputs(self, said: Mapping[str, Any]) -> None:
        """Keep the outputs of the step."""
        self.recorded.update(said)

    @override
    def searches(self, found: Iterable[Search]) -> None:
        """Keep one retriever span per case: all were searched at once, so each has an equal share of the time."""
        searches, start = list(found), self.tree.start_time
        took = dt.datetime.now(tz=dt.UTC) - start
        share = took / len(searches) if searches else took
        for index, search in enumerate(searches):
            began = start + index * share
            self.spans.append(
                Span(
                    id=uuid7_at(began, str(self.tree.id), search.case_id),
                    parent_id=str(self.tree.id),
                    trace_id=str(self.tree.trace_id),
                    name="search_documents",
                    run_type="retriever",
                    start_time=began,
                    end_time=began + share,
                    inputs={"query": search.query},
                    outputs={"documents": search.documents},
                    metadata={"batch_size": len(searches), "batch_s": round(took.total_seconds(), 6)},
                    case_id=search.case_id,
                )
            )


def shared_trace_runs(
    spans: Collection[Span], *, session_name: str, labels: Mapping[str, Any], tags: Sequence[str] = ()
) -> Iterator[CompleteRun]:
    """The runs of the shared trace itself, under the spans' ids, so that sending them twice stores them once.

    A span that breaks a rule is left out, with its children.

    Args:
        spans: of one build; each span of a case after its parent.
        session_name: the project.
        labels: metadata of every run.
        tags: of every run.
    """
    anchors: dict[str, Anchor] = {}
    now = dt.datetime.now(tz=dt.UTC)
    # Spans that concern all cases come before the searches, which may be too many for one trace.
    shared = parents_first(span for span in spans if span.case_id is None)
    ordered = itertools.chain(shared, (span for span in spans if span.case_id is not None))
    for span in itertools.islice(ordered, MOST_RUNS):
        below = anchors.get(span.parent_id or "")
        if below is None and span.parent_id is not None:
            continue
        case = {} if span.case_id is None else {"case_id": span.case_id}
        left_out = {"spans_left_out": len(spans) - MOST_RUNS} if below is None and len(spans) > MOST_RUNS else {}
        run = complete_run(
            run_id=span.id,
            below=below,
            name=span.name,
            run_type=span.run_type,
            start_time=span.start_time,
            end_time=span.end_time,
            session_name=session_name,
            inputs=capped(span.inputs, LIVE_FIELD_BYTES),
            outputs=None if span.outputs is None else capped(span.outputs, LIVE_FIELD_BYTES),
            error=span.error,
            tags=[*span.tags, *tags],
            metadata={**span.metadata, **labels, **case, **left_out},
        )
        if not validate_run_post(run, now=now, window=None):
            anchors[span.id] = Anchor.of(run)
            yield run
