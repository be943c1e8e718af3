"""The adapters for WINK, with the real library: telemetry, overrides in the Hub, the optimizer, and the target."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("weakincentives", reason="WINK needs Python 3.12: install eval_pipeline[wink] there")

from langsmith import Client
from weakincentives.prompt.overrides import (
    PromptOverride,
    PromptOverridesError,
    SectionOverride,
    ToolExampleOverride,
    ToolOverride,
    descriptor_for_prompt,
)
from weakincentives.runtime.events import InProcessDispatcher
from weakincentives.runtime.session import Session

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.telemetry import LangSmithTraceCompleted
from eval_pipeline.wink import (
    LangSmithConfig,
    LangSmithEvaluatedOptimizer,
    LangSmithPromptOverridesStore,
    LangSmithTelemetryHandler,
)
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator
from eval_pipeline_tests.wink.agents import ScriptedAdapter, a_prompt

pytestmark = pytest.mark.filterwarnings("ignore")

WAIT_S = 60.0
HERE = "eval_pipeline_tests.wink.agents"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecorderServer]:
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    with RecorderServer() as running:
        yield running


@pytest.fixture
def client(server: RecorderServer) -> Client:
    return Client(api_url=server.url, api_key="test")


@pytest.fixture
def config() -> LangSmithConfig:
    return LangSmithConfig(project="wink", upload_interval_seconds=0.05)


def shape(client: Client, project: str) -> list[tuple[str, str, str | None]]:
    runs = sorted(client.list_runs(project_name=project), key=lambda run: str(run.dotted_order))
    names = {run.id: run.name for run in runs}
    return [(run.name, run.run_type, names.get(run.parent_run_id)) for run in runs]


def test_an_evaluation_is_a_chain_with_a_model_and_its_tool(client: Client, config: LangSmithConfig) -> None:
    handler = LangSmithTelemetryHandler(config, client=client)
    dispatcher, completed = InProcessDispatcher(), list[Any]()
    dispatcher.subscribe(LangSmithTraceCompleted, completed.append)
    handler.attach(dispatcher)
    session = Session(dispatcher=dispatcher)
    handler._bus.subscribe(completed.append, LangSmithTraceCompleted)

    ScriptedAdapter().evaluate(a_prompt(), session=session)

    assert handler.flush(timeout=WAIT_S)
    handler._bus.flush(WAIT_S)
    handler.detach(dispatcher)
    assert shape(client, "wink") == [
        ("support answer", "chain", None),
        ("scripted", "llm", "support answer"),
        ("find_order", "tool", "scripted"),
    ]
    (root,) = client.list_runs(project_name="wink", is_root=True)
    assert root.metadata["session_id"] == str(session.session_id)
    assert (root.metadata["prompt_ns"], root.metadata["prompt_key"]) == ("support", "answer")
    assert (root.inputs, root.total_tokens) == ({"text": "Where is A-1?"}, 12)
    assert "Answer kindly" in str(root.outputs)
    assert {(event.run_count, event.total_tokens) for event in completed} == {(3, 12)}


def test_an_evaluation_in_a_tool_nests_below_it(client: Client, config: LangSmithConfig) -> None:
    handler = LangSmithTelemetryHandler(config, client=client, projects={"support": "routed"})
    dispatcher = InProcessDispatcher()
    handler.attach(dispatcher)
    adapter = ScriptedAdapter()
    adapter.inner = a_prompt("inner")
    adapter.evaluate(a_prompt("outer"), session=Session(dispatcher=dispatcher))

    assert handler.flush(timeout=WAIT_S)
    assert shape(client, "routed") == [
        ("support answer", "chain", None),
        ("scripted", "llm", "support answer"),
        ("find_order", "tool", "scripted"),
        ("support answer", "chain", "find_order"),
        ("scripted", "llm", "support answer"),
        ("find_order", "tool", "scripted"),
    ]


def an_override(tag: str = "production", body: str = "Be short: ${text} {x}") -> PromptOverride:
    descriptor = descriptor_for_prompt(a_prompt())
    section, tool = descriptor.sections[0], descriptor.tools[0]
    return PromptOverride(
        ns="support",
        prompt_key="answer",
        tag=tag,
        sections={section.path: SectionOverride(path=section.path, expected_hash=section.content_hash, body=body)},
        tool_overrides={
            "find_order": ToolOverride(
                name="find_order",
                expected_contract_hash=tool.contract_hash,
                description="Looks an order up.",
                param_descriptions={"order": "its number"},
                example_overrides=(
                    ToolExampleOverride(index=-1, expected_hash=None, action="append", input_json='{"order": "A-1"}'),
                ),
            )
        },
    )


def test_an_override_comes_back_from_the_hub_without_loss_and_applies(client: Client, config: LangSmithConfig) -> None:
    store = LangSmithPromptOverridesStore(config, client=client)
    prompt = a_prompt(overrides_store=store, overrides_tag="production")
    assert store.resolve(prompt.descriptor, "production") is None

    override = store.upsert(prompt.descriptor, an_override())

    assert store.resolve(prompt.descriptor, "production") == override
    assert store.pull(ns="support", prompt_key="answer", tag="production") == override
    assert "Be short: Where is A-1? {x}" in prompt.render().text
    commit = store.push(a_prompt(), tag="staging", commit_message="as it is")
    staged = store.pull(ns="support", prompt_key="answer", tag=commit)
    assert staged is not None
    assert [section.body for section in staged.sections.values()] == ["Answer kindly: ${text} {braces}"]
    store.delete(ns="support", prompt_key="answer", tag="production")
    assert store.pull(ns="support", prompt_key="answer", tag="production") is None
    assert store.seed(a_prompt(), tag="staging").sections == staged.sections


def test_overrides_of_another_version_are_left_out_and_not_published(client: Client, config: LangSmithConfig) -> None:
    store = LangSmithPromptOverridesStore(config, client=client)
    descriptor = descriptor_for_prompt(a_prompt())
    section = next(iter(an_override().sections.values()))
    stale = an_override().update(
        sections={section.path: section.update(expected_hash=type(section.expected_hash)("0" * 64))}
    )
    with pytest.raises(PromptOverridesError):
        store.upsert(descriptor, stale)
    store.upsert(descriptor, an_override())
    changed = descriptor.update(
        sections=[descriptor.sections[0].update(content_hash=stale.sections[section.path].expected_hash)]
    )
    resolved = store.resolve(changed, "production")
    assert resolved is not None
    assert (dict(resolved.sections), list(resolved.tool_overrides)) == ({}, ["find_order"])


def test_without_a_hub_the_fallback_store_is_asked_and_a_disabled_hub_is_not(client: Client) -> None:
    class Fallback:
        def resolve(self, descriptor: Any, tag: str) -> Any:
            del descriptor
            return an_override(tag)

    away = LangSmithConfig(api_url="http://127.0.0.1:9", api_key="x")
    descriptor = descriptor_for_prompt(a_prompt())
    assert LangSmithPromptOverridesStore(away).resolve(descriptor, "production") is None
    store = LangSmithPromptOverridesStore(away, fallback_store=Fallback())
    assert store.resolve(descriptor, "production") == an_override()
    disabled = LangSmithPromptOverridesStore(LangSmithConfig(hub_enabled=False), client=client)
    assert disabled.resolve(descriptor, "production") is None


def test_variants_are_evaluated_on_a_dataset_and_compared(
    client: Client, config: LangSmithConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_ENDPOINT", client.api_url)
    dataset = client.create_dataset("questions")
    client.create_examples(dataset_id=dataset.id, examples=[{"inputs": {"text": text}} for text in ("a", "b")])

    def short(outputs: dict[str, Any]) -> bool:
        return "Be short" in outputs["output"]

    def answered(outputs: dict[str, Any]) -> float:
        return 1.0 if outputs["output"] else 0.0

    optimizer = LangSmithEvaluatedOptimizer(
        ScriptedAdapter(),
        dataset_name="questions",
        evaluators=[short, answered],
        min_score_threshold=0.8,
        config=config,
        client=client,
        bind=lambda prompt, inputs: a_prompt(
            inputs["text"], overrides_store=prompt.overrides_store, overrides_tag=prompt.overrides_tag
        ),
    )

    result = optimizer.optimize(a_prompt(), session=Session())
    assert (result.dataset_name, result.example_count, result.completed_count) == ("questions", 2, 2)
    assert (result.scores, result.passed, result.error) == ({"short": 0.0, "answered": 1.0}, False, None)

    comparison = optimizer.compare_variants(a_prompt(), [an_override("wordy", "Answer: ${text}"), an_override("short")])
    assert comparison.winner is not None
    assert (comparison.winner.tag, comparison.score_delta) == ("short", 0.5)
    assert comparison.results[1].passed


def test_an_example_that_breaks_is_counted_and_does_not_pass(client: Client, config: LangSmithConfig) -> None:
    dataset = client.create_dataset("questions")
    client.create_examples(dataset_id=dataset.id, examples=[{"inputs": {"text": "a"}}])
    optimizer = LangSmithEvaluatedOptimizer(
        ScriptedAdapter(fails=True), dataset_name="questions", config=config, client=client
    )
    result = optimizer.optimize(a_prompt())
    assert (result.example_count, result.completed_count, result.passed) == (1, 0, False)
    assert "no answer" in str(result.error)
    gone = LangSmithEvaluatedOptimizer(ScriptedAdapter(), dataset_name="none", config=config, client=client)
    assert gone.optimize(a_prompt()).error is not None


async def test_an_agent_of_wink_is_a_target(tmp_path: Path) -> None:
    suite = a_suite(tmp_path, target={"kind": "wink", "path": f"{HERE}:make_agent"})
    assertions = [
        {"type": "contains", "value": "Where is A-1"},
        {"type": "contains_function_call", "value": "find_order"},
    ]
    case = a_case("tea", input="Where is A-1?", assertions=assertions)
    result = await an_evaluator(suite).evaluate(Attempt(case=case, number=1))
    assert (result.status, result.error, result.tokens.input) == ("passed", None, 10)
