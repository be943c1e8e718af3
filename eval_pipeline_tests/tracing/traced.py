"""Short ways to trace attempts in tests: a sender that keeps what it is given, an experiment, a tracer, a tree."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.langsmith.protocol.jsonable import plain
from eval_pipeline.langsmith.protocol.rules import validate_run_post
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.shape.case_trace import CaseTracer
from eval_pipeline.tracing.shape.modes import NoSharedContext, SharedContextView
from eval_pipeline.tracing.shape.run import CompleteRun
from eval_pipeline.tracing.shape.shared_trace import SharedTraceRecorder
from eval_pipeline_tests.building import a_suite, an_evaluator
from eval_pipeline_tests.langsmith.run_id_advice import run_id_advice

AGENTS = "eval_pipeline_tests.tracing.agents"
AGENT = {"kind": "langgraph", "path": f"{AGENTS}:build_agent"}
JUDGE = {"model": f"{AGENTS}:ToolModel"}
EXPERIMENT = "sample-1"


@dataclass
class Kept:
    """A sender that sends nothing."""

    runs: list[CompleteRun] = field(default_factory=list)
    grafts: list[CompleteRun] = field(default_factory=list)
    feedback: list[Mapping[str, Any]] = field(default_factory=list)

    def send_runs(self, runs: Sequence[CompleteRun], *, graft: bool = False) -> None:
        read = [{**run, "inputs": plain(run["inputs"]), "outputs": plain(run["outputs"])} for run in runs]
        self.runs += read
        self.grafts += read if graft else ()

    def send_feedback(self, feedback: Sequence[Mapping[str, Any]]) -> None:
        self.feedback += feedback


@dataclass(frozen=True)
class AnExperiment:
    """An experiment without a project on a server."""

    name: str = EXPERIMENT

    @property
    def id(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, "experiment")

    @property
    def dataset_id(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, "dataset")

    def run_url(self, run_id: str) -> str:
        return f"http://recorder/r/{run_id}"

    def example_id(self, case_id: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, case_id)


def python(name: str) -> dict[str, str]:
    """A Python target of `agents.py`."""
    return {"kind": "python", "path": f"{AGENTS}:{name}"}


def a_tracer(sender: Kept, shared: SharedContextView | None = None, **fields: Any) -> CaseTracer:
    """A tracer that hands over to `sender`."""
    return CaseTracer(experiment=AnExperiment(), sender=sender, shared=shared or NoSharedContext(), **fields)


def traced(evaluator: CaseEvaluator, tracer: CaseTracer) -> CaseEvaluator:
    """`evaluator`, traced."""
    return replace(evaluator, tracer=tracer)


def a_traced_evaluator(
    folder: Path, target: Mapping[str, Any], tracer: CaseTracer, *, context: SharedContext | None = None, **fields: Any
) -> CaseEvaluator:
    """Makes and traces attempts at cases against `target`."""
    return traced(an_evaluator(a_suite(folder, target=target, **fields), context=context), tracer)


def a_context_suite(folder: Path, **fields: Any) -> Suite:
    """A suite with a table, documents, and patterns found by a model that used 12 tokens."""
    (folder / "prices.csv").write_text("product,price\ntea,4.20\nmilk,1.10\n", encoding="utf-8")
    (folder / "notes.jsonl").write_text(
        '{"id": "n1", "text": "tea is from Assam"}\n{"id": "n2", "text": "milk is from a cow"}\n', encoding="utf-8"
    )
    context = {
        "tables": {"prices": {"file": "prices.csv", "key": "product"}},
        "documents": {"source": {"file": "notes.jsonl"}, "retrieval": {"k": 1}},
        "patterns": [
            {"name": "themes", "instruction": "Find themes.", "model": "eval_pipeline_tests.fakes:ReadingModel"}
        ],
    }
    return a_suite(folder, context=context, **fields)


def a_recorded_context(
    suite: Suite, store: LocalStore, cases: Sequence[Case]
) -> tuple[SharedContext, SharedTraceRecorder]:
    """The shared context of `suite`, and what was recorded of its making."""
    recorder = SharedTraceRecorder()
    snapshot = ensure_snapshot(plan_context(suite, cases), store, recorder=recorder)
    return SharedContext.open(store, suite.name, snapshot.manifest.context_id), recorder


def rules_broken(runs: Sequence[CompleteRun]) -> list[str]:
    """What LangSmith would refuse of `runs`, today or later."""
    now = dt.datetime.now(tz=dt.UTC)
    violations = [violation.message for run in runs for violation in validate_run_post(dict(run), now=now)]
    return violations + [advice for run in runs for advice in run_id_advice(dict(run))]


def tree(runs: Sequence[CompleteRun]) -> list[str]:
    """Names, indented by depth, in the order a trace shows them."""
    ordered = sorted(runs, key=lambda run: str(run["dotted_order"]))
    least = min(run["dotted_order"].count(".") for run in ordered)
    return [f"{'  ' * (run['dotted_order'].count('.') - least)}{run['name']}" for run in ordered]
