"""Every example passes as it is: an agent in a common shape and suite.yaml, with no code between them."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, ToolMessage

from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.check import check_suite
from eval_pipeline.testing import ScriptedModel
from eval_pipeline.testing.openai_server import openai_server
from eval_pipeline.testing.openai_server.model_answers import answers_of
from eval_pipeline_tests.building import an_evaluator

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FOLDERS = sorted(folder.name for folder in EXAMPLES.iterdir() if (folder / "suite.yaml").is_file())


def _asks_for_a_price(messages: Sequence[BaseMessage]) -> Any:
    if isinstance(messages[-1], ToolMessage):
        return f"It costs {messages[-1].content}."
    return ScriptedModel.call("price", product="tea")


@contextlib.contextmanager
def _openai() -> Iterator[Mapping[str, str]]:
    with openai_server(answers_of(ScriptedModel(rule=_asks_for_a_price))) as server:
        yield {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}


@contextlib.contextmanager
def _node() -> Iterator[Mapping[str, str]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    environment = {**os.environ, "PORT": "0"}
    program = [node, str(EXAMPLES / "node_server" / "server.mjs")]
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield {"NODE_AGENT_URL": f"http://127.0.0.1:{int(server.stdout.readline())}"}
        finally:
            server.kill()


SERVERS: Mapping[str, Callable[[], contextlib.AbstractContextManager[Mapping[str, str]]]] = {
    "openai_agent": _openai,
    "node_server": _node,
}


async def results_of(folder: Path) -> list[CaseResult]:
    """One attempt at each case."""
    suite, cases, problems = check_suite(folder)
    assert (suite is not None, problems) == (True, [])
    assert suite is not None
    evaluator = an_evaluator(suite)
    return [await evaluator.evaluate(attempt) for case in cases for attempt in evaluator.attempts(case, 1)]


# LangSmith's SDK imports a module of its own that warns.
@pytest.mark.filterwarnings("ignore:langsmith.wrappers._openai_agents is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", FOLDERS)
async def test_an_example_passes_as_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with SERVERS.get(name, lambda: contextlib.nullcontext({}))() as variables:
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        results = await results_of(EXAMPLES / name)
    assert results
    for result in results:
        assert result.error is None, result.error.traceback
        failed = [(each.name, each.message) for each in result.assertions if each.passed is not True]
        assert (result.case_id, result.status, failed) == (result.case_id, "passed", [])


def test_the_page_lists_every_example() -> None:
    page = (EXAMPLES / "README.md").read_text()
    assert [name for name in FOLDERS if f"| `{name}` |" not in page] == []


async def test_the_streamed_form_of_the_node_server_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(EXAMPLES / "node_server", tmp_path / "suite")
    text = (folder / "suite.yaml").read_text()
    for name in ("outputs: result", "text: result.answer", 'tool_calls: "steps[]', "usage: tokens"):
        field, _, path = name.partition(": ")
        quote = '"' if path.startswith('"') else ""
        text = text.replace(name, f"{field}: {quote}last.{path.strip(chr(34))}")
    text = text.replace("request: {", "request: {stream: true, ") + "  token: data.delta\n"
    (folder / "suite.yaml").write_text(text)
    with _node() as variables:
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        results = await results_of(folder)
    assert [result.status for result in results] == ["passed"] * len(results)
    assert all(turn.ttft_s is not None for result in results for turn in result.turns)
