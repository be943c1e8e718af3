"""What 150 mixed cases give: rows, events and traces, without times and with ids in their order.

`python -m bench.differential --out before.json` on one commit and `--against before.json` on another show whether a
change of the engine changed a verdict, a row, an event or a run. The exit code is 1 where something differs.
"""

import argparse
import asyncio
import dataclasses
import datetime as dt
import difflib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from langsmith import Client

from bench.tracing import recorder
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.checkpoints import open_checkpoints
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.pipeline.begin import open_evaluator
from eval_pipeline.pipeline.trace_run import begin_tracing
from eval_pipeline.prompts.suite_prompts import NO_PROMPTS
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.suite import Suite, read_suite

_MODULE = "bench.sides.mixed_targets"
_EVALUATORS = Path(__file__).parent / "sides" / "mixed_evaluators.py"
_CASES = 25
TARGETS: Mapping[str, Mapping[str, Any]] = {
    "async": {"kind": "python", "path": f"{_MODULE}:answer"},
    "thread": {"kind": "python", "path": f"{_MODULE}:answer_in_thread"},
    "stream": {"kind": "python", "path": f"{_MODULE}:stream"},
    "stream_thread": {"kind": "python", "path": f"{_MODULE}:stream_in_thread"},
    "graph": {"kind": "langgraph", "path": f"{_MODULE}:build_graph"},
    "chat": {"kind": "chat", "model": f"{_MODULE}:chat"},
}
_KINDS = ("plain", "look up", "mapping", "secret", "emit", "fail", "two turns")
_ASSERTIONS: tuple[Mapping[str, Any], ...] = (
    {"type": "contains", "value": "answer", "weight": 2},
    {"type": "icontains", "value": "nothing", "negate": True, "name": "no_nothing"},
    {"type": "no_function_call", "value": "delete"},
    {"type": "evaluator", "path": f"{_EVALUATORS.name}:judged", "threshold": 0.5},
)
_EVERY_THIRD = {"type": "evaluator", "path": f"{_EVALUATORS.name}:of_run", "name": "of_run"}
_LEFT_OUT = re.compile(
    r".*_time|started_at|.*_at|latency_s|ttft_s|git_sha|traceback|ls_integration|langgraph_(node|step|path|triggers)"
)
"""Keys of times, and of what says where in the code something ran."""
_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\).*", re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
_STAMP = re.compile(
    r"\d{8}T\d{12,}Z|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?|127\.0\.0\.1:\d+|0x[0-9a-f]+"
)
_RUN_FIELDS = (
    "dotted_order", "name", "run_type", "inputs", "outputs", "error", "tags", "extra", "events", "parent_run_id",
    "reference_example_id", "prompt_tokens", "completion_tokens", "total_tokens",
)  # fmt: skip


def main() -> None:
    """Evaluate the cases, and write or compare what they give."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write what the cases give to this file")
    parser.add_argument("--against", type=Path, help="compare with this file")
    chosen = parser.parse_args()
    given = asyncio.run(_everything())
    text = json.dumps(given, indent=1, sort_keys=True, default=str)
    if chosen.out is not None:
        chosen.out.write_text(text, encoding="utf-8")
    if chosen.against is not None:
        before = chosen.against.read_text(encoding="utf-8").splitlines()
        lines = list(difflib.unified_diff(before, text.splitlines(), "before", "after", lineterm="", n=4))
        print("\n".join(line[:200] for line in lines[:400]) or "equal")
        sys.exit(bool(lines))


async def _everything() -> dict[str, Any]:
    given = {}
    with recorder() as url, tempfile.TemporaryDirectory() as folder:
        for name, target in TARGETS.items():
            suite = _suite(Path(folder) / name, name, target)
            given[name] = await _of_suite(suite, Path(folder) / name, url)
    return given


def _suite(folder: Path, name: str, target: Mapping[str, Any]) -> Suite:
    folder.mkdir()
    shutil.copy(_EVALUATORS, folder)
    data = {"name": name, "cases": "cases.yaml", "target": dict(target), "assertions": list(_ASSERTIONS)}
    (folder / "suite.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    cases: list[dict[str, Any]] = []
    for index in range(_CASES):
        kind = _KINDS[index % len(_KINDS)]
        case: dict[str, Any] = {"id": f"case-{index:03d}", "reference": {"n": index}, "tags": [kind.split()[0]]}
        if kind == "two turns":
            own = [{"type": "contains", "value": "second"}]
            case["turns"] = [{"user": f"first {index}"}, {"user": f"second {index}", "assertions": own}]
        else:
            case["input"] = f"{kind} {index}"
        if index % 3 == 0:
            case["assertions"] = [dict(_EVERY_THIRD)]
        cases.append(case)
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases), encoding="utf-8")
    return read_suite(folder)


async def _of_suite(suite: Suite, folder: Path, url: str) -> dict[str, Any]:
    store = LocalStore(folder / "store")
    settings = LangSmithSettings(mode="recorder", recorder_url=url, spool_folder=folder / "spool")
    cases = load_dataset(suite).cases
    pins = Pins(experiment=f"{suite.name}-1", dataset_version="d", context_id=None, target_version="t")
    evaluator = open_evaluator(
        suite, store, pins=pins, prompts=NO_PROMPTS, corrections=None, context=None, settings=settings
    )
    attempts = [attempt for case in cases for attempt in evaluator.attempts(case, 1)]
    record = ExperimentRecord(
        suite=suite.name,
        experiment=pins.experiment,
        created_at=dt.datetime.now(tz=dt.UTC).isoformat(),
        dataset_version="d",
        context_id=None,
        target_version="t",
        repetitions=None,
        launched_by={},
    )
    tracing = begin_tracing(
        settings,
        suite=suite.spec,
        record=record,
        dataset=cases,
        cases=len(cases),
        context=None,
        store=store,
        run_id="r",
    )
    assert tracing is not None
    tracer = dataclasses.replace(tracing.tracer, outbox=None)
    traced = dataclasses.replace(evaluator, tracer=tracer)
    given: dict[str, Any] = {"untraced": await _rows(evaluator, attempts), "traced": await _rows(traced, attempts)}
    tracing.finish()
    given["runs"] = _runs(Client(api_url=url, api_key="bench"), pins.experiment)
    given["events"] = [await _events(evaluator, attempt) for attempt in attempts[:7]]
    async with open_checkpoints(folder / "checkpoints.sqlite") as checkpoints:
        durable = dataclasses.replace(evaluator, checkpoints=checkpoints)
        given["checkpointed"] = await _rows(durable, attempts[:7])
        given["resumed"] = await _rows(durable, attempts[:7])
    return given


async def _rows(evaluator: CaseEvaluator, attempts: list[Attempt]) -> list[Any]:
    results = [result async for result in evaluate_all(evaluator, attempts, max_concurrency=8)]
    return [_normal(dataclasses.asdict(result)) for result in sorted(results, key=lambda result: result.case_id)]


async def _events(evaluator: CaseEvaluator, attempt: Attempt) -> Any:
    events: list[Any] = []
    await evaluator.evaluate(attempt, listener=events.append)
    return _normal(events)


def _runs(client: Client, project: str) -> Any:
    by_trace: dict[Any, list[Any]] = {}
    for run in client.list_runs(project_name=project):
        by_trace.setdefault(run.trace_id, []).append(run)
    cases = []
    for runs in by_trace.values():
        runs.sort(key=lambda run: run.dotted_order)
        feedback = sorted(client.list_feedback(run_ids=[runs[0].id]), key=lambda each: (each.key, str(each.comment)))
        fields = [{name: getattr(run, name, None) for name in _RUN_FIELDS} for run in runs]
        given = [{"key": one.key, "score": one.score, "value": one.value, "comment": one.comment} for one in feedback]
        cases.append(_normal({"a_runs": fields, "feedback": given}))
    return sorted(cases, key=lambda case: json.dumps(case, sort_keys=True, default=str))


def _normal(value: Any) -> Any:
    """`value` without times, and with its ids by number, in the order in which they first appear."""
    ids: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        return ids.setdefault(match[0], f"<id {len(ids)}>")

    def walk(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {str(key): walk(item) for key, item in part.items() if not _LEFT_OUT.fullmatch(str(key))}
        if isinstance(part, list | tuple):
            return [walk(item) for item in part]
        if isinstance(part, float | int | bool | None):
            return part
        return _STAMP.sub("<time>", _UUID.sub(numbered, _TRACEBACK.sub("", str(part))))

    return walk(value)


if __name__ == "__main__":
    os.environ.setdefault("EVAL_PIPELINE_TRACING", "off")
    main()
