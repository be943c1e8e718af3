"""What the recorder costs: its database, its filters and its lists over many runs, and a dataset's page.

Everything runs in one process, apart from the network, and is counted in seconds of CPU: those of a loaded machine are
the same. The traces are those of `bench.tracing`'s cases: eleven runs, of which three are shared by all cases.
"""

import asyncio
import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from langsmith import uuid7_from_datetime

from bench.report import options
from eval_pipeline.recorder.app import create_app
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.frame import Frame, run_operation
from eval_pipeline.recorder.store.compacting import compact

_DOCUMENTS = "Customers who write about delivery want a date; those who write twice want an apology as well. " * 40
_MB = 1_000_000
_RUNS = 20_000
_FILTERS = {
    "a name that nothing has": 'eq(name, "nothing")',
    "metadata that nothing has": 'and(eq(metadata_key, "case_id"), eq(metadata_value, "nothing"))',
    "tokens of the subtree": "gt(total_tokens, 1000000)",
    "text that nothing has": 'search("nothing at all")',
}


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__ or "")
    cases, experiments = (200, 5) if chosen.quick else (5000, 100)
    figures = measure(cases, experiments)
    sys.stdout.write(json.dumps(figures) if chosen.json else "\n".join(f"{k}: {v:g}" for k, v in figures.items()))
    sys.stdout.write("\n")


def measure(cases: int, experiments: int) -> dict[str, float]:
    """The figures, by what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recorder.sqlite"
        figures: dict[str, float] = {}
        with closing(Recorder(path, RecorderConfig(start_time_window=None))) as recorder:
            figures["CPU s of storing the cases"] = _cpu(lambda: _fill(recorder, cases=cases, experiments=1))
        figures["MB of the database"] = sum(file.stat().st_size for file in Path(folder).iterdir()) / _MB
        with closing(Recorder(path)) as recorder:
            figures |= asyncio.run(_lists(recorder))
            figures["CPU s of compacting it"] = _cpu(lambda: compact(recorder.database))
        figures["MB of it after that"] = path.stat().st_size / _MB
    with closing(Recorder(config=RecorderConfig(start_time_window=None))) as recorder:
        dataset = _fill(recorder, cases=106, experiments=experiments)
        figures |= asyncio.run(_page(recorder, dataset))
    return figures


def _cpu(action: Callable[[], Any]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def _fill(recorder: Recorder, *, cases: int, experiments: int) -> str:
    """Store experiments on one dataset, and return its id."""
    dataset = str(recorder.datasets.create({"name": "cases"})["id"])
    bodies = [{"inputs": {"question": f"What of {number}?"}} for number in range(cases)]
    examples = recorder.examples.create(dataset, bodies)["example_ids"]
    for number in range(experiments):
        name = f"experiment-{number}"
        recorder.sessions.create({"name": name, "reference_dataset_id": dataset}, upsert=False)
        for start in range(0, cases, 40):
            runs, scores = [], []
            for example in examples[start : start + 40]:
                trace = list(_trace(name, example))
                runs += [run_operation("post", run) for run in trace]
                scores += [_score(trace[0], key) for key in ("contains", "passed", "score")]
            recorder.store(Frame(runs=runs, feedback=scores))
    return dataset


def _trace(session: str, example: str) -> Iterator[dict[str, Any]]:
    now = dt.datetime.now(tz=dt.UTC)
    root = _run(session, "case", "chain", now, None, {"question": example}, {"response": f"of {example}"})
    yield {**root, "reference_example_id": example}
    for name, text in (("shared_context", _DOCUMENTS[:1000]), ("find_patterns", _DOCUMENTS[:3500])):
        yield _run(session, name, "chain", now, root, {"query": name}, {"output": text})
    yield _run(session, "search", "retriever", now, root, {"query": "q"}, {"output": example + _DOCUMENTS[:400]})
    parent = root
    for name in ("evaluate_case", "take_turn", "target", "retrieve", "search", "answer"):
        parent = _run(session, name, "chain", now, parent, {"question": f"What of {example}?"}, {"text": example})
        yield parent
    usage = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
    model = _run(session, "SlowModel", "llm", now, parent, {"messages": [example]}, {"usage_metadata": usage})
    yield model


def _run(
    session: str, name: str, kind: str, start: dt.datetime, parent: dict[str, Any] | None, inputs: Any, outputs: Any
) -> dict[str, Any]:
    identity = str(uuid7_from_datetime(start))
    step = f"{start:%Y%m%dT%H%M%S%f}Z{identity}"
    metadata = {
        "suite": "bench",
        "experiment": session,
        "git_sha": "7ea27218003b68bab33e79606d4ea7ca920f9370",
        "dagster_run_id": "bench",
        "case_id": inputs.get("question") or name,
        "attempt": 1,
        "status": "passed",
        "scores": {"contains": 1.0},
    }
    return {
        "id": identity,
        "name": name,
        "run_type": kind,
        "session_name": session,
        "trace_id": parent["trace_id"] if parent else identity,
        "parent_run_id": parent["id"] if parent else None,
        "dotted_order": f"{parent['dotted_order']}.{step}" if parent else step,
        "start_time": start.isoformat(),
        "end_time": (start + dt.timedelta(milliseconds=250)).isoformat(),
        "inputs": inputs,
        "outputs": outputs,
        "extra": {"metadata": metadata},
        "tags": ["bench"],
    }


def _score(root: dict[str, Any], key: str) -> dict[str, Any]:
    source = {"type": "model", "metadata": {"assertion": key, "weight": 1.0, "passed": True, "attempt": 1}}
    return {"run_id": root["id"], "key": key, "score": 1.0, "comment": "all", "feedback_source": source}


def _http(recorder: Recorder) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(recorder))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def _lists(recorder: Recorder) -> dict[str, float]:
    """A list of all of 20,000 runs, page by page, and filters that look at each of them."""
    figures = {}
    session = recorder.sessions.find(name="experiment-0")[0]["id"]
    since = recorder.database.row(
        "SELECT start_us FROM runs WHERE session_id = ? ORDER BY start_us DESC LIMIT 1 OFFSET ?", (session, _RUNS - 1)
    )
    oldest = "1970-01-01T00:00:00" if since is None else _iso(since["start_us"])
    async with _http(recorder) as http:
        start, count, cursor = time.process_time(), 0, None
        while count == 0 or cursor is not None:
            body = {"session": [session], "start_time": oldest, "cursor": cursor}
            page = (await http.post("/runs/query", json=body)).json()
            count, cursor = count + len(page["runs"]), page["cursors"]["next"]
        figures[f"CPU s of listing {count} runs"] = time.process_time() - start
        for name, text in _FILTERS.items():
            start = time.process_time()
            body = {"session": [session], "start_time": oldest, "filter": text}
            assert (await http.post("/runs/query", json=body)).json()["runs"] == []
            figures[f"CPU s of a filter: {name}"] = time.process_time() - start
    return figures


def _iso(microseconds: int) -> str:
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)).isoformat()


async def _page(recorder: Recorder, dataset: str) -> dict[str, float]:
    """A page with many experiments: its first view, and the second."""
    figures = {}
    async with _http(recorder) as http:
        for which in ("first", "second"):
            start = time.process_time()
            answer = await http.get(f"/o/t/datasets/{dataset}")
            answer.raise_for_status()
            figures[f"CPU s of the {which} view of a dataset's page"] = time.process_time() - start
    return figures


if __name__ == "__main__":
    main()
