"""The pytest plugin, as a user's own tests meet it."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from eval_pipeline.errors import PermanentError
from eval_pipeline.testing import ScriptedModel
from eval_pipeline.testing.chat_models import FakeChatModels
from eval_pipeline.testing.openai_server import Faults
from eval_pipeline_tests.small_suite import write_small_suite
from eval_pipeline_tests.warm_processes import run_warm

DOCS = Path(__file__).resolve().parents[2] / "docs" / "testing.md"


def _pytest(folder: Path, *arguments: object) -> str:
    """What pytest says of the tests in a folder, with the plugin."""
    plugins: tuple[str, ...] = (
        "-p",
        "eval_pipeline.testing.plugin",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:asyncio",
    )
    if any(each.value == plugins[1] for each in entry_points(group="pytest11")):
        plugins = plugins[2:]  # an installed plugin is loaded by itself
    ended = run_warm("pytest:console_main", *plugins, "--rootdir", folder, *arguments, folder=folder)
    return ended.stdout + ended.stderr


def test_the_tests_of_the_documentation_pass(tmp_path: Path) -> None:
    write_small_suite(tmp_path / "my_suite")
    code = DOCS.read_text().partition("```python\n")[2].partition("```")[0]
    (tmp_path / "test_my_suite.py").write_text(code)

    said = _pytest(tmp_path)

    assert "2 passed" in said, said


def test_cases_are_tests(tmp_path: Path) -> None:
    folder = write_small_suite(tmp_path / "shop")
    with (folder / "cases.yaml").open("a") as file:
        file.write("- {id: open, input: 'What does air cost?'}\n")

    said = _pytest(tmp_path, "--eval-suite", "shop", "-rs")

    assert "2 passed, 1 skipped" in said, said
    assert "1 failed" in said
    assert "case gold: failed" in said
    assert "agent: We do not sell gold." in said
    assert "nothing decided" in said


def test_a_suite_with_mistakes_is_a_usage_error(tmp_path: Path) -> None:
    folder = write_small_suite(tmp_path / "shop")
    (folder / "cases.yaml").write_text("- {id: a, imput: x}\n")

    said = _pytest(tmp_path, "--eval-suite", "shop")

    assert "ERROR: --eval-suite shop:" in said
    assert "imput" in said


@pytest.fixture
def models() -> "FakeChatModels":
    return FakeChatModels()


def test_a_script_is_answered_in_order_and_its_end_is_an_error(models: FakeChatModels) -> None:
    model = models(["one", ValueError("two")])
    assert model.invoke("?").content == "one"
    with pytest.raises(ValueError, match="two"):
        model.invoke("?")
    with pytest.raises(PermanentError, match="has 2 answers, and it was asked once more"):
        model.invoke("?")


def test_a_rule_sees_the_messages(models: FakeChatModels) -> None:
    model = models(lambda messages: f"You said {messages[-1].content}")
    assert model.invoke([HumanMessage("hello")]).content == "You said hello"


def test_a_real_client_gets_answers_calls_usage_and_faults() -> None:
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    script = [AIMessage("Hi", usage_metadata=usage), ScriptedModel.call("look", key="tea")]
    with FakeChatModels() as models:
        model, server = models.openai(script, faults=Faults(plan=["429"]), max_retries=1)

        said = model.invoke("?")
        called = model.invoke("?")

    assert said.content == "Hi"
    assert said.usage_metadata is not None
    assert said.usage_metadata["total_tokens"] == 7
    assert called.tool_calls[0]["args"] == {"key": "tea"}
    assert len(server.requests) == 3


def test_the_plugin_imports_nothing_until_it_is_used() -> None:
    code = "import sys, eval_pipeline.testing.plugin; print(*{name.partition('.')[0] for name in sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [name for name in said.split() if name in ("langchain_core", "langsmith", "dagster")] == []
