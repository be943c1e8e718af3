"""`init` finds the graph that is meant, and names the next command."""

from pathlib import Path

import pytest

from eval_pipeline.suite.check import check_suite
from eval_pipeline_tests.cli.terminal import Terminal

GRAPH = """\
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph

nodes = StateGraph(MessagesState).add_node("say", lambda state: {"messages": [AIMessage("hi")]})
graph = nodes.add_edge(START, "say").add_edge("say", END).compile()
"""


@pytest.fixture
def project(store: Path) -> Path:
    """The working folder, with a graph and its `langgraph.json`."""
    folder = store.parent
    (folder / "my_agent.py").write_text(GRAPH)
    (folder / "langgraph.json").write_text('{"dependencies": ["."], "graphs": {"agent": "./my_agent.py:graph"}}')
    return folder


@pytest.mark.parametrize(
    ("folder", "graph", "path"),
    [
        ("evals", "my_agent.py:graph", "my_agent:graph"),
        (".", "my_agent.py:graph", "my_agent.py:graph"),
        ("evals", "langgraph.json", "../langgraph.json:agent"),
        ("evals", "langgraph.json:agent", "../langgraph.json:agent"),
    ],
)
def test_a_suite_on_a_graph_opens_it(terminal: Terminal, project: Path, folder: str, graph: str, path: str) -> None:
    finished = terminal("init", folder, "--graph", graph)
    assert finished.code == 0
    assert f"next: eval-pipeline check {folder} && eval-pipeline run {folder}" in finished.stdout
    suite, _, problems = check_suite(project / folder)
    assert problems == []
    assert suite is not None
    assert suite.spec.target.model_dump()["path"] == path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--graph", "langgraph.json:agnet"], "did you mean 'agent'?"),
        (["--graph", "gone.py:graph"], "there is no file gone.py"),
        (["--graph", "my_agent"], "write agent.py:graph, package.module:graph, or langgraph.json:name"),
        (["--graph", "a:b", "--from-langsmith", "d"], "give one of"),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_cannot_be_a_beginning_is_refused_and_writes_nothing(
    terminal: Terminal, project: Path, arguments: list[str], message: str
) -> None:
    finished = terminal("init", "evals", *arguments)
    assert finished.code == 2
    assert message in finished.stderr
    assert not (project / "evals").exists()
