"""What is handed over, sent by the plain SDK to a strict recorder: nothing is refused, trees and tokens are right."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from langsmith import Client

from eval_pipeline.errors import InputError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline.tracing.shape.graft import Timing
from eval_pipeline.tracing.shape.modes import (
    Grafted,
    Linked,
    NoSharedContext,
    SharedContextView,
    Unified,
    shared_context_view,
)
from eval_pipeline.tracing.shape.replica import Origin, SharedSpans
from eval_pipeline.tracing.shape.run import CompleteRun
from eval_pipeline.tracing.shape.shared_trace import SharedTraceRecorder, shared_project, shared_trace_runs
from eval_pipeline.tracing.shape.unified import open_unified
from eval_pipeline_tests.building import a_case, a_context, an_evaluator
from eval_pipeline_tests.recorder.frames import a_client
from eval_pipeline_tests.tracing.traced import (
    AGENT,
    EXPERIMENT,
    JUDGE,
    Kept,
    a_context_suite,
    a_recorded_context,
    a_tracer,
    traced,
    tree,
)
from eval_pipeline_tests.warm_processes import CODE, run_warm

CASES = tuple(
    a_case(name, input=name, assertions=[{"type": "llm_rubric", "value": "says a price"}]) for name in ("tea", "milk")
)
SHARED = shared_project("sample")
ORIGIN = Origin(project=SHARED)
LIVE_CALLS = 3
"""Of a model in one attempt: two of the agent's, one of the judge's; 12 tokens each."""
COPIES = [
    "  shared_context",
    "    table:prices",
    "    documents",
    "    similar_documents",
    "      search_documents",
    "    patterns:themes",
    "      find_patterns:themes",
    "        ReadingModel",
    "        read",
]
LIVE = ["  evaluate_case", "    take_turn", "      target"]


@pytest.fixture(scope="module")
def running() -> Iterator[RecorderServer]:
    with RecorderServer() as server:
        yield server


@pytest.fixture
def server(running: RecorderServer) -> RecorderServer:
    running.recorder.clear()
    return running


class Built:
    """A suite, its context, and what was recorded of its making."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.suite = a_context_suite(folder, target=AGENT, judge=JUDGE)
        self.recorder: SharedTraceRecorder
        self.context, self.recorder = a_recorded_context(self.suite, LocalStore(store), CASES)
        assert self.context.trace is not None
        self.spans = SharedSpans(self.context.trace)

    def evaluator(self, sender: Kept, shared: SharedContextView) -> CaseEvaluator:
        tracer = a_tracer(sender, shared, labels={"shared_context_id": self.context.id})
        return traced(an_evaluator(self.suite, context=self.context), tracer)

    def grafted(self, timing: Timing = "instant") -> Grafted:
        return Grafted(spans=self.spans, origin=ORIGIN, timing=timing)


@pytest.fixture
def built(folder: Path, tmp_path: Path) -> Built:
    return Built(folder, tmp_path / "store")


async def evaluated(evaluator: CaseEvaluator) -> list[CaseResult]:
    return [await evaluator.evaluate(Attempt(case=case, number=1)) for case in CASES]


def send(server: RecorderServer, runs: Sequence[CompleteRun]) -> None:
    """As any client of the SDK would, in one frame; whatever is refused fails the test."""
    errors: list[Exception] = []
    client: Client = a_client(server, errors)
    client.multipart_ingest(create=[dict(run) for run in runs])
    client.flush(timeout=10)
    client.close()
    assert errors == []
    assert server.recorder.database.rows("SELECT count(*) AS n FROM runs")[0]["n"] == len(runs)


def tokens(server: RecorderServer, session: str) -> int:
    """What the project's page says."""
    answer = httpx.get(f"{server.url}/sessions", params={"name": session, "include_stats": "true"})
    return int(answer.json()[0]["total_tokens"])


@pytest.mark.parametrize("timing", ["instant", "backdated"])
async def test_each_case_has_the_shared_spans_that_concern_it_in_its_trace(
    server: RecorderServer, built: Built, timing: Timing
) -> None:
    sender = Kept()
    results = await evaluated(built.evaluator(sender, built.grafted(timing)))

    send(server, [*shared_trace_runs(built.recorder.spans, session_name=SHARED, labels={}), *sender.runs])

    for case, result in zip(CASES, results, strict=True):
        runs = server.recorder.runs.of_trace(str(result.trace_id))
        assert tree(runs)[:13] == [case.id, *COPIES, *LIVE]
        copies = [run for run in runs if "replayed" in run["tags"]]
        assert len(copies) == len(COPIES)
        (search,) = [run for run in copies if run["run_type"] == "retriever"]
        assert search["inputs"] == {"query": case.id}
        assert search["extra"]["metadata"].items() >= {"case_id": case.id, "origin_project": SHARED}.items()


async def test_tokens_of_the_shared_context_count_once_in_its_own_trace(server: RecorderServer, built: Built) -> None:
    sender = Kept()
    await evaluated(built.evaluator(sender, built.grafted()))

    send(server, [*shared_trace_runs(built.recorder.spans, session_name=SHARED, labels={}), *sender.runs])

    assert tokens(server, SHARED) == 12
    assert tokens(server, EXPERIMENT) == 12 * LIVE_CALLS * len(CASES)


async def test_copies_go_out_apart_from_live_runs(built: Built) -> None:
    sender = Kept()
    await evaluated(built.evaluator(sender, built.grafted()))

    assert len(sender.grafts) == len(COPIES) * len(CASES)
    assert all("replayed" in run["tags"] for run in sender.grafts)


async def test_backdated_roots_start_as_much_earlier_as_the_shared_context_took(built: Built) -> None:
    sender = Kept()
    await evaluated(built.evaluator(sender, built.grafted("backdated")))

    root, shared, *_, live = (run for run in sender.runs if run["name"] in ("tea", "shared_context", "evaluate_case"))
    assert root["start_time"] == shared["start_time"]
    assert live["start_time"] >= shared["end_time"]


async def test_a_linked_trace_refers_to_the_shared_one_in_one_span(server: RecorderServer, built: Built) -> None:
    sender = Kept()
    digests = {name: part.sha256 for name, part in built.context.manifest.parts.items()}
    linked = Linked(context_id=built.context.id, url="http://recorder/shared", digests=digests)
    results = await evaluated(built.evaluator(sender, linked))

    send(server, sender.runs)

    runs = server.recorder.runs.of_trace(str(results[0].trace_id))
    assert tree(runs)[:5] == ["tea", "  shared_context (reference)", *LIVE]
    assert runs[1]["outputs"] == {
        "shared_context_id": built.context.id,
        "url": "http://recorder/shared",
        "sha256": digests,
    }


_OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
import orjson
from eval_pipeline.tracing.shape.modes import Unified
from eval_pipeline_tests.tracing.send.test_sent_runs import Built, CASES, ORIGIN, Kept, Attempt
folder, store, headers, number = sys.argv[1:]
built, sender = Built(Path(folder), Path(store)), Kept()
part = Unified(headers=orjson.loads(headers), spans=built.spans, origin=ORIGIN)
asyncio.run(built.evaluator(sender, part).evaluate(Attempt(case=CASES[int(number)], number=1)))
sys.stdout.buffer.write(orjson.dumps(sender.runs))
"""


def test_a_unified_trace_is_joined_by_two_processes(
    server: RecorderServer, built: Built, folder: Path, tmp_path: Path
) -> None:
    begun = open_unified(built.spans, ORIGIN, session_name=EXPERIMENT, labels={}, cases=2, attempts=1)
    assert begun.headers.keys() == {"langsmith-trace", "baggage"}
    headers = json.dumps(dict(begun.headers))
    sent: list[dict[str, Any]] = []
    for number in range(2):
        done = run_warm(CODE, _OTHER_PROCESS, folder, tmp_path / "store", headers, number)
        assert done.returncode == 0, done.stderr
        sent += orjson.loads(done.stdout)

    send(server, [*begun.runs, *sent])

    runs = server.recorder.runs.of_trace(begun.trace_id)
    names = tree(runs)
    assert len(runs) == len(begun.runs) + len(sent)
    assert names[0] == "shared_context"
    assert [name for name in names if name in ("  tea", "  milk")] in (["  tea", "  milk"], ["  milk", "  tea"])
    assert names.count("    search_documents") == 2  # each below its case
    assert {run["session_id"] for run in runs} == {runs[0]["session_id"]}
    assert all(run.get("reference_example_id") is None for run in runs)


async def test_a_unified_trace_keeps_attempts_that_run_at_once_apart(server: RecorderServer, built: Built) -> None:
    begun = open_unified(built.spans, ORIGIN, session_name=EXPERIMENT, labels={}, cases=2, attempts=4)
    sender = Kept()
    evaluator = built.evaluator(sender, Unified(headers=begun.headers, spans=built.spans, origin=ORIGIN))

    attempts = [Attempt(case=case, number=number) for case in CASES for number in range(1, 5)]
    results = await asyncio.gather(*map(evaluator.evaluate, attempts))

    send(server, [*begun.runs, *sender.runs])
    assert {result.trace_id for result in results} == {begun.trace_id}
    for result in results:
        below = [run for run in sender.runs if str(result.run_id) in run["dotted_order"]]
        assert {(run["extra"]["metadata"]["case_id"], run["extra"]["metadata"]["attempt"]) for run in below} == {
            (result.case_id, result.attempt)
        }
        assert len([run for run in below if run["run_type"] == "llm"]) == LIVE_CALLS


def test_a_unified_trace_that_would_be_cut_off_is_refused(built: Built) -> None:
    with pytest.raises(InputError, match=r"2,000 cases with 2 attempts of about 12 runs each are 48,000 runs"):
        open_unified(built.spans, ORIGIN, session_name=EXPERIMENT, labels={}, cases=2_000, attempts=2)


def test_headers_that_lead_nowhere_are_refused_at_once() -> None:
    with pytest.raises(InputError, match="has no `langsmith-trace` header"):
        Unified(headers={"baggage": "langsmith-project=p"}, spans=None, origin=ORIGIN)


def test_what_a_mode_needs_and_is_not_there_is_done_without(built: Built, tmp_path: Path) -> None:
    bare = a_context(built.suite, LocalStore(tmp_path / "untraced"), CASES)
    origin = Origin(project=SHARED, url=lambda run_id: f"http://recorder/r/{run_id}")
    linked = shared_context_view("linked", built.context, origin=origin)

    assert isinstance(shared_context_view("grafted", built.context, origin=ORIGIN, timing="backdated"), Grafted)
    assert isinstance(shared_context_view("grafted", bare, origin=ORIGIN), Linked)
    assert isinstance(shared_context_view("grafted", None, origin=ORIGIN), NoSharedContext)
    assert isinstance(linked, Linked)
    assert linked.url == f"http://recorder/r/{built.recorder.spans[0].id}"
    with pytest.raises(InputError):
        shared_context_view("unified", built.context, origin=ORIGIN)
