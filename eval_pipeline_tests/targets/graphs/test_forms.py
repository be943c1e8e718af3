"""Whatever `langgraph dev` takes is a target."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.check import check_suite
from eval_pipeline.targets.opening import open_target, target_version
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator, evaluated, write_suite
from eval_pipeline_tests.targets.graphs import platform_graphs

HERE = "eval_pipeline_tests.targets.graphs.platform_graphs"
FORMS = [
    "compiled",
    "configured",
    "builder",
    "sequence",
    "make",
    "make_uncompiled",
    "make_of",
    "make_async",
    "make_managed",
    "make_entered",
    "make_in_loop",
    "factory",
    "functional",
]


def a_target(name: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "langgraph", "path": f"{HERE}:{name}", **fields}


async def answered(name: str, *messages: str, folder: Path = Path(), case: Any = None, **target: Any) -> CaseResult:
    turns = [{"user": text} for text in messages or ("hi",)]
    path = {} if ":" not in name else {"path": name}
    suite = a_suite(folder, target={**a_target(name, **target), **path})
    result = await evaluated(suite, a_case(turns=turns, **(case or {})))
    assert result.error is None, result.error.traceback
    return result


def responses(result: CaseResult) -> list[str]:
    return [turn.response for turn in result.turns]


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    platform_graphs.calls.clear()


@pytest.mark.parametrize("name", FORMS)
async def test_every_form_of_a_graph_is_evaluated(name: str) -> None:
    assert responses(await answered(name)) == ["ok 1"]


@pytest.mark.parametrize("name", [name for name in FORMS if name != "functional"])
async def test_every_form_of_a_graph_remembers_the_conversation(name: str) -> None:
    assert responses(await answered(name, "a", "b")) == ["ok 1", "ok 2"]


async def test_a_factory_is_called_for_each_attempt_with_its_config() -> None:
    suite = a_suite(Path(), target=a_target("make_uncompiled"))
    evaluator = an_evaluator(suite)
    platform_graphs.calls.clear()
    for attempt in evaluator.attempts(a_case(), 3):
        await evaluator.evaluate(attempt)
    assert len({*platform_graphs.calls}) == 3


@pytest.mark.parametrize("name", ["make_managed", "make_entered"])
async def test_what_a_factory_opens_stays_open_for_the_attempt_and_is_closed(name: str) -> None:
    evaluator = an_evaluator(a_suite(Path(), target=a_target(name)))
    platform_graphs.calls.clear()
    (attempt,) = evaluator.attempts(a_case(turns=[{"user": "a"}, {"user": "b"}]), 1)
    result = await evaluator.evaluate(attempt)
    assert result.error is None, result.error.traceback
    assert platform_graphs.calls == ["opened", "closed"]


async def test_a_factory_may_look_at_the_runtime_of_the_run() -> None:
    assert responses(await answered("make_in_runtime")) == ["0 c1"]


async def test_slow_factories_run_side_by_side() -> None:
    evaluator = an_evaluator(a_suite(Path(), target=a_target("make_slowly")))
    attempts = evaluator.attempts(a_case(), 6)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    started = time.thread_time()
    await asyncio.gather(*map(evaluator.evaluate, attempts))
    ticking.cancel()
    assert ticks > 3  # the loop went on meanwhile
    assert time.thread_time() - started < 6 * 0.2


async def test_options_are_given_to_a_factory_by_name() -> None:
    assert responses(await answered("make_with", options={"answer": "x", "times": 2})) == ["xx"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("make_with", {"answers": "x"}, "make_with asks for answer|takes no answers"),
        ("make", {"answer": "x"}, "make takes no answer"),
        ("compiled", {"answer": "x"}, "which takes no options"),
        ("boom", {}, "failed with RuntimeError: no key"),
        ("generates", {}, "decorate the factory with `contextlib.contextmanager`"),
        ("calls", {}, "not a graph"),
    ],
)
def test_what_builds_no_graph_is_reported_by_check_with_its_reason(
    folder: Path, name: str, options: dict[str, Any], message: str
) -> None:
    target = a_target(name, options=options)
    with pytest.raises(InputError, match=message):
        open_target(a_suite(folder, target=target))
    _, _, problems = check_suite(write_suite(folder, target=target))
    (problem,) = problems
    assert problem.field in ("target.path", "target.options")
    assert problem.message


async def test_a_single_node_is_a_target() -> None:
    assert responses(await answered("two_nodes.nodes[node]")) == ["ok 1"]
    assert responses(await answered('two_nodes.nodes["node"]')) == ["ok 1"]
    assert responses(await answered("builder.nodes[node]")) == ["ok 1"]
    assert responses(await answered("make_async.nodes[node]")) == ["ok 1"]
    assert responses(await answered("two_nodes.nodes[go]")) == ["went from hi"]


def test_a_node_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(InputError, match=r"the graph has no node 'nod'\. Fix: use one of: 'go', 'node'"):
        open_target(a_suite(Path(), target=a_target("two_nodes.nodes[nod]")))


async def test_a_question_inside_of_a_runnable_is_answered() -> None:
    assert responses(await answered("asking_sequence", case={"on_interrupt": "yes"})) == ["yes"]


PROJECT = """{
  "dependencies": ["./src", "langchain_core"],
  "graphs": {
    "agent": "./src/served/graph.py:make",
    "described": {"path": "served.graph:make", "description": "the same"},
    "web": "./src/web.ts:graph"
  },
  "env": "ENV"
}"""
SERVED = """
import os
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from served.words import WORD

def make(config):
    def answer(state):
        return {"messages": [AIMessage(WORD + os.environ["SERVED_AS"])]}
    return StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer")
"""


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = folder / "src" / "served"
    package.mkdir(parents=True)
    (folder / "langgraph.json").write_text(PROJECT.replace("ENV", ".env"))
    (folder / ".env").write_text("SERVED_AS=' tea'\nLANGSMITH_TRACING=true\n")
    (package / "__init__.py").write_text("")
    (package / "graph.py").write_text(SERVED)
    (package / "words.py").write_text("WORD = 'served'")
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("served", "served.graph", "served.words"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setenv("SERVED_AS", "")
    monkeypatch.delenv("SERVED_AS")
    return folder


@pytest.mark.parametrize("name", ["agent", "described"])
async def test_a_graph_of_a_langgraph_project_has_its_dependencies_and_its_environment(
    project: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    tracing = os.environ["LANGSMITH_TRACING"]
    result = await answered(f"langgraph.json:{name}", folder=project)
    assert responses(result) == ["served tea"]
    assert os.environ["LANGSMITH_TRACING"] == tracing  # an agent's environment does not move our traces
    assert "`env` sets LANGSMITH_TRACING, which is not taken" in caplog.text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("langgraph.json:agents", "it has no graph 'agents'. Fix: use one of 'agent', 'described', 'web'"),
        ("langgraph.json:web", "graph 'web' is not in Python. Fix: start it with `langgraph dev`"),
        ("other.json:agent", "it cannot be read"),
    ],
)
def test_what_a_langgraph_project_does_not_have_is_reported_with_its_file(
    project: Path, path: str, message: str
) -> None:
    with pytest.raises(InputError, match="json") as raised:
        open_target(a_suite(project, target={"kind": "langgraph", "path": path}))
    assert message in str(raised.value)


def test_the_version_of_a_graph_of_a_project_covers_its_source(project: Path) -> None:
    suite = a_suite(project, target={"kind": "langgraph", "path": "langgraph.json:agent"})
    before = target_version(suite)
    (project / "src" / "served" / "graph.py").write_text(SERVED + "# changed")
    assert target_version(suite) != before


@pytest.mark.parametrize("graph", [platform_graphs.builder, platform_graphs.compiled, platform_graphs.sequence])
async def test_a_graph_may_be_given_in_python(graph: Any) -> None:
    result = await EvalRunner(target=graph).arun(a_case(input="hi"))
    assert result.error is None, result.error.traceback
    assert responses(result) == ["ok 1"]
