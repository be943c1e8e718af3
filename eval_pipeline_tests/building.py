"""Suites, cases, scopes and contexts for tests, each in one call."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from eval_pipeline.assertions.scope import Scope
from eval_pipeline.assertions.scoring import score
from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.results.case_result import AssertionResult, CaseResult, TurnResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.judge import Judge
from eval_pipeline.suite.suite import Suite, SuiteSpec, read_suite
from eval_pipeline.targets.opening import open_target
from eval_pipeline.telemetry.event import Event

RECORDED = {"kind": "recorded"}


def a_case(case_id: str = "c1", **fields: Any) -> Case:
    """A case; one turn that says "hello" unless `fields` have something to say."""
    if not fields.keys() & {"input", "inputs", "turns", "recordings"}:
        fields["input"] = "hello"
    return Case.model_validate({"id": case_id, **fields})


def a_suite(folder: Path, **fields: Any) -> Suite:
    """A suite in `folder` that was never written down."""
    data = {"name": "sample", "cases": "cases.yaml", "target": RECORDED, **fields}
    return Suite(spec=SuiteSpec.model_validate(data), folder=folder)


def write_suite(folder: Path, *, cases: Any = None, **fields: Any) -> Path:
    """`suite.yaml` and `cases.yaml` in `folder`; one case by default."""
    target = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo"}
    data = {"name": "sample", "cases": "cases.yaml", "target": target, **fields}
    (folder / "suite.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    asserted = {"type": "contains", "value": "hello"}
    found = [{"id": "c1", "input": "hello", "assertions": [asserted]}] if cases is None else cases
    (folder / "cases.yaml").write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    return folder


def written_suite(folder: Path, **fields: Any) -> Suite:
    """`write_suite`, read back."""
    return read_suite(write_suite(folder, **fields))


def a_context(suite: Suite, store: LocalStore, cases: Sequence[Case] = ()) -> SharedContext:
    """The shared context of `suite`, built and opened."""
    snapshot = ensure_snapshot(plan_context(suite, cases), store)
    return SharedContext.open(store, suite.name, snapshot.manifest.context_id)


def a_turn(response: str, *events: Event, said: str = "hello", index: int = 0) -> TurnResult:
    """One exchange."""
    return TurnResult(index=index, input=said, response=response, events=events, latency_s=0.0)


def a_call(name: str, call_id: str | None = None, **args: Any) -> Event:
    """A tool call."""
    return {"type": "tool_call", "name": name, "args": args, "id": call_id}


def a_result(name: str, content: str, call_id: str | None = None) -> Event:
    """What a tool gave back."""
    return {"type": "tool_result", "name": name, "content": content, "id": call_id}


def a_scope(*turns: TurnResult, turn: int | None = None, **fields: Any) -> Scope:
    """What an assertion sees of `turns`."""
    if "judge_model" in fields:
        fields["judge"] = Judge(model=fields.pop("judge_model"))
    known: dict[str, Any] = {
        "case": a_case(),
        "context": None,
        "recording": {},
        "folder": Path(),
        "judge": None,
        **fields,
    }
    return Scope(turns=turns, turn=turn, **known)


async def results_of(assertion: Mapping[str, Any], scope: Scope) -> list[AssertionResult]:
    """What comes of an assertion, as it is written in YAML, on `scope`."""
    case = a_case(assertions=[dict(assertion)])
    return await score(case.assertions[0], scope)


async def result_of(assertion: Mapping[str, Any], scope: Scope) -> AssertionResult:
    """As `results_of`, for an assertion with one result."""
    (only,) = await results_of(assertion, scope)
    return only


def an_evaluator(suite: Suite, *, context: SharedContext | None = None, target: Any = None) -> CaseEvaluator:
    """What makes attempts at cases of `suite`."""
    pins = Pins(
        experiment="sample-1", dataset_version="d", context_id=context.id if context else None, target_version="t"
    )
    return CaseEvaluator(suite=suite, target=target or open_target(suite), context=context, pins=pins)


async def evaluated(
    suite: Suite,
    case: Case,
    *,
    context: SharedContext | None = None,
    number: int = 1,
    listener: Callable[[Mapping[str, Any]], None] | None = None,
) -> CaseResult:
    """The result of one attempt at `case`."""
    attempt = Attempt(case=case, number=number)
    return await an_evaluator(suite, context=context).evaluate(attempt, listener=listener)
