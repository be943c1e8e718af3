"""The client that collects: complete runs in memory, nothing sent, nothing left behind."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langsmith import RunTree, traceable, tracing_context
from langsmith.utils import LangSmithError, get_env_var

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.collecting_client import CollectingClient
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator
from eval_pipeline_tests.tracing.traced import Kept, a_traced_evaluator, a_tracer, python


@traceable
def inner(value: int) -> int:
    return value + 1


chain = RunnableLambda(inner).with_config(run_name="chain")


def a_root(client: CollectingClient) -> RunTree:
    return RunTree(name="root", ls_client=client, session_name="p", replicas=[])


def test_a_run_is_complete_when_it_has_ended() -> None:
    client = CollectingClient()
    root = a_root(client)

    with client.collecting(root):
        assert chain.invoke(1) == 2

    outer, below = client.take(root)
    assert (outer.name, below.name) == ("chain", "inner")
    assert below.parent_ids == [str(root.id), outer.id]
    assert (below.inputs, below.outputs) == (b'{"value":1}', b'{"output":2}')
    assert below.end_time is not None


def test_inputs_are_what_they_were_when_the_run_began() -> None:
    @traceable
    def changes(values: list[int]) -> None:
        values.append(2)

    client = CollectingClient()
    root = a_root(client)

    with client.collecting(root):
        changes([1])

    (run,) = client.take(root)
    assert run.inputs == b'{"values":[1]}'


def test_collecting_starts_no_thread_and_sends_nothing() -> None:
    threads = threading.active_count()
    client = CollectingClient()

    assert threading.active_count() == threads
    with pytest.raises(LangSmithError, match="sends nothing"):
        client.list_projects().__next__()


def test_what_is_traced_after_the_trace_was_taken_is_counted_and_forgotten() -> None:
    client = CollectingClient()
    root = a_root(client)
    with client.collecting(root):
        client.take(root)
        inner(1)

    assert (client.take(root), client.in_progress, client.strays) == ([], 0, 2)


def test_tracing_around_an_attempt_is_as_before_afterwards() -> None:
    client = CollectingClient()
    outside, root = a_root(client), a_root(client)

    with client.collecting(outside):
        with client.collecting(root):
            inner(1)
        inner(2)

    assert [run.inputs for run in client.take(root)] == [b'{"value":1}']
    assert [run.inputs for run in client.take(outside)] == [b'{"value":2}']


def test_local_tracing_would_lose_traceable_functions() -> None:
    """Why `enabled=True` is used; when this fails, the SDK has changed and `local` can be looked at again."""
    client = CollectingClient()
    root = a_root(client)
    with client.collecting(root), tracing_context(parent=root, client=client, enabled="local"):
        chain.invoke(1)

    assert [run.name for run in client.take(root)] == ["chain"]


@pytest.fixture
def read_environment() -> Iterator[None]:
    """The SDK reads a variable once and remembers it."""
    cached: Any = get_env_var
    cached.cache_clear()
    yield
    cached.cache_clear()


@pytest.mark.usefixtures("read_environment")
def test_what_the_environment_says_about_tracing_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_RUNS_ENDPOINTS", '{"http://127.0.0.1:9/other": "key"}')
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_PROJECT", "elsewhere")
    monkeypatch.setenv("LANGSMITH_TRACING_SAMPLING_RATE", "0")
    client = CollectingClient()
    root = a_root(client)

    with client.collecting(root):
        chain.invoke(1)

    outer, below = client.take(root)
    assert (outer.parent_ids, below.parent_ids) == ([str(root.id)], [str(root.id), outer.id])


def test_memory_does_not_grow_with_attempts(folder: Path) -> None:
    class Forgets(Kept):
        def send_runs(self, runs: Any, *, graft: bool = False) -> None:
            """Sent, and gone."""

    tracer = a_tracer(Forgets())
    attempt = Attempt(case=a_case(), number=1)
    result = asyncio.run(a_traced_evaluator(folder, python("noted"), tracer).evaluate(attempt))

    def make(attempts: int) -> int:
        for _ in range(attempts):
            with tracer.attempt(attempt) as trace:
                chain.invoke(1)
                trace.finish(result)
        gc.collect()
        return sum(isinstance(found, RunTree | CollectedRun) for found in gc.get_objects())

    few = make(20)
    many = make(2_000)

    assert tracer.counts.attempts == 2_021
    assert tracer.client.in_progress == tracer.client.strays == 0
    assert many <= few


async def test_an_attempt_that_another_client_traces_shows_its_steps_too(tmp_path: Path) -> None:
    client = CollectingClient()
    root = a_root(client)
    asserted = [{"type": "similarity", "value": "hello", "threshold": 1}]
    evaluator = an_evaluator(a_suite(tmp_path, target=python("noted"), assertions=asserted))
    attempt = Attempt(case=a_case(), number=1)

    with client.collecting(root):
        seen = await evaluator.evaluate(attempt)
    unseen = await evaluator.evaluate(attempt)

    assert [run.name for run in client.take(root) if run.name in {"take_turn", "assess"}] == ["take_turn", "assess"]
    assert seen.assertions == unseen.assertions
    assert [turn.response for turn in seen.turns] == [turn.response for turn in unseen.turns] == ["hello"]


async def test_rules_that_only_compare_have_no_run_of_their_own(tmp_path: Path) -> None:
    client = CollectingClient()
    root = a_root(client)
    asserted = [{"type": "contains", "value": "hello"}, {"type": "max_turns", "value": 1}]
    evaluator = an_evaluator(a_suite(tmp_path, target=python("noted"), assertions=asserted))

    with client.collecting(root):
        result = await evaluator.evaluate(Attempt(case=a_case(), number=1))

    assert result.status == "passed"
    assert "assess" not in [run.name for run in client.take(root)]
