"""Our side of `bench.tracing`: the agent evaluated with one assertion, traced to the recorder with three grafted runs.

The arguments, as JSON: `cases`, `delay_s`, `concurrency`, `url`. With `url` null nothing is traced.
"""

import asyncio
import dataclasses
import datetime as dt
import json
import sys
import tempfile
import uuid
from pathlib import Path

from bench.sides.stopwatch import Stopwatch
from bench.sides.tracing_agent import build_agent
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.pipeline.trace_run import ExperimentTracing, begin_tracing
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.suite import Suite, SuiteSpec
from eval_pipeline.targets.langgraph import LangGraphSessionFactory
from eval_pipeline.tracing.shape.modes import Grafted
from eval_pipeline.tracing.shape.replica import Origin, SharedSpans
from eval_pipeline.tracing.shape.spans import Span, table_of_spans

_TEXT = "Customers who write about delivery want a date; those who write twice want an apology as well. " * 40


def suite() -> Suite:
    """A suite without files."""
    target = {"kind": "langgraph", "path": "bench:agent"}
    spec = SuiteSpec.model_validate({"name": f"bench_{uuid.uuid4().hex[:8]}", "cases": "cases.yaml", "target": target})
    return Suite(spec=spec, folder=Path())


def shared_spans(cases: list[Case]) -> SharedSpans:
    """A root and a pattern that all cases share, and a search for each: three spans a case, about 9 KB."""
    now, trace = dt.datetime.now(tz=dt.UTC), str(uuid.uuid4())
    end = now + dt.timedelta(seconds=2)

    def span(name: str, run_type: str, text: str, *, case_id: str | None = None) -> Span:
        root = name == "shared_context"
        return Span(
            id=trace if root else str(uuid.uuid4()),
            parent_id=None if root else trace,
            trace_id=trace,
            name=name,
            run_type=run_type,
            start_time=now,
            end_time=end,
            inputs={"query": name},
            outputs={"output": text},
            metadata={"suite": "bench"},
            case_id=case_id,
        )

    shared = [span("shared_context", "chain", _TEXT[:1000]), span("find_patterns", "llm", _TEXT[:3500])]
    # Each case finds other documents: equal texts are processed once, which would make ours look cheaper.
    searches = [span("search", "retriever", f"{case.id}: {_TEXT[:4000]}", case_id=case.id) for case in cases]
    return SharedSpans(table_of_spans([*shared, *searches]))


def begin(evaluator: CaseEvaluator, cases: list[Case], url: str, folder: Path) -> ExperimentTracing:
    """Create dataset and experiment at the recorder, and a tracer."""
    settings = LangSmithSettings(mode="recorder", recorder_url=url, spool_folder=folder / "spool")
    pins = evaluator.pins
    record = ExperimentRecord(
        suite=evaluator.suite.name,
        experiment=pins.experiment,
        created_at=dt.datetime.now(tz=dt.UTC).isoformat(),
        dataset_version=pins.dataset_version,
        context_id=pins.context_id,
        target_version=pins.target_version,
        repetitions=None,
        launched_by={},
    )
    tracing = begin_tracing(
        settings,
        suite=evaluator.suite.spec,
        record=record,
        dataset=cases,
        cases=len(cases),
        context=None,
        store=LocalStore(folder / "store"),
        run_id="bench",
    )
    assert tracing is not None
    return tracing


async def run(evaluator: CaseEvaluator, cases: list[Case], concurrency: int) -> int:
    """Evaluate every case, and return how many passed."""
    attempts = (attempt for case in cases for attempt in evaluator.attempts(case, None))
    passed = 0
    async for result in evaluate_all(evaluator, attempts, max_concurrency=concurrency):
        passed += result.status == "passed"
    return passed


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    asserted = {"type": "contains", "value": "working days"}
    cases = [
        Case.model_validate({"id": f"case-{index}", "input": f"question {index}", "assertions": [asserted]})
        for index in range(given["cases"])
    ]
    bench_suite = suite()
    pins = Pins(experiment=f"{bench_suite.name}-1", dataset_version="d", context_id=None, target_version="t")
    target = LangGraphSessionFactory(build_agent(given["delay_s"]), bench_suite.spec.target)  # type: ignore[arg-type]
    evaluator = CaseEvaluator(suite=bench_suite, target=target, context=None, pins=pins)
    watch, sent = Stopwatch(), 0
    with tempfile.TemporaryDirectory() as folder:
        tracing = begin(evaluator, cases, given["url"], Path(folder)) if given["url"] else None
        if tracing is not None:
            grafted = Grafted(spans=shared_spans(cases), origin=Origin(project="bench-shared"))
            # Results are not stored here, so traces need not wait for that.
            tracer = dataclasses.replace(tracing.tracer, shared=grafted, outbox=None)
            evaluator = dataclasses.replace(evaluator, tracer=tracer)
        with watch.running():
            passed = asyncio.run(run(evaluator, cases, given["concurrency"]))
            if tracing is not None:
                sent = tracing.finish().runs_sent
    watch.report(passed=passed, runs_sent=sent)


if __name__ == "__main__":
    main()
