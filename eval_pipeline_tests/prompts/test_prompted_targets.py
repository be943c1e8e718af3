"""How a prompt reaches each kind of target, and the judge; and what is used where none can be fetched."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError, TransientError
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.suite import Suite
from eval_pipeline_tests.building import a_case, written_suite
from eval_pipeline_tests.prompts.published import publish

AGENT = """
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph

from eval_pipeline.assertions.judges.questions import RubricVerdict
from eval_pipeline.prompts.current import current_prompt, prompt_text
from eval_pipeline_tests.fakes import ReadingModel


def asks(message, prompt): return f"{prompt.text()}|{prompt.commit}"
def echoes(prompt): return prompt.upper()
def reads(message): return prompt_text("built in", customer="Bo")


def built():
    text = current_prompt().text()
    return lambda message: text


def graph():
    def node(state: MessagesState, config: RunnableConfig):
        given = config["configurable"]
        return {"messages": [AIMessage(f"{given['prompt'].text()}|{given['prompt_commit']}|{reads('')}")]}

    return StateGraph(MessagesState).add_node(node).add_edge(START, "node").compile()


class Parrot(ReadingModel):
    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return super()._generate([messages[0]], stop, run_manager, **kwargs)


class Judge(ReadingModel):
    def with_structured_output(self, schema, **kwargs):
        from langchain_core.runnables import RunnableLambda

        return RunnableLambda(lambda asked: RubricVerdict(reasoning=asked[0][1], passed="kindness" in asked[0][1]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        yield running


@pytest.fixture
def url(server: RecorderServer, monkeypatch: pytest.MonkeyPatch) -> str:
    server.recorder.clear()
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", server.url)
    return server.url


def prompted(folder: Path, kind: str, path: str, **fields: Any) -> Suite:
    (folder / "agent.py").write_text(AGENT)
    named = {"model": f"agent.py:{path}"} if kind == "chat" else {"path": f"agent.py:{path}"}
    target = {"kind": kind, **named, "prompt": "hub:support:production", **fields.pop("target", {})}
    return written_suite(folder, target=target, **fields)


async def answered(suite: Suite, **runtime: Any) -> CaseResult:
    result = await EvalRunner(suite).arun(a_case(runtime=runtime))
    assert result.error is None, result.error
    return result


async def answer(suite: Suite, **runtime: Any) -> str:
    return (await answered(suite, **runtime)).turns[0].response


@pytest.mark.parametrize(("kind", "path"), [("python", "asks"), ("langgraph", "graph")])
async def test_the_target_gets_the_prompt_filled_and_its_commit(url: str, folder: Path, kind: str, path: str) -> None:
    commit = publish(url, "Be kind to {{customer}}.")
    suite = prompted(folder, kind, path, target={"variables": {"customer": "Ann"}})
    assert (await answer(suite)).split("|")[:2] == ["Be kind to Ann.", commit]


async def test_a_case_gives_the_values_of_its_own_data(url: str, folder: Path) -> None:
    publish(url, "Be kind to {{customer}}.")
    suite = prompted(folder, "python", "asks", target={"variables": {"customer": None}})
    assert (await answer(suite, test_data={"customer": "Cy"})).startswith("Be kind to Cy.")


async def test_a_variable_that_neither_target_nor_case_gives_is_an_error_of_the_case(url: str, folder: Path) -> None:
    publish(url, "Be kind to {{customer}}.")
    result = await EvalRunner(prompted(folder, "python", "asks")).arun(a_case())
    assert result.error is not None
    assert "needs customer" in result.error.message
    assert "runtime.test_data" in result.error.message


async def test_code_deep_inside_asks_for_the_prompt_and_has_its_own_without(url: str, folder: Path) -> None:
    publish(url, "Be kind to {{customer}}.")
    assert await answer(prompted(folder, "python", "reads")) == "Be kind to Bo."
    suite = written_suite(folder, target={"kind": "python", "path": "agent.py:reads"})
    assert await answer(suite) == "built in"


async def test_a_factory_may_ask_for_the_prompt(url: str, folder: Path) -> None:
    publish(url, "Be kind.")
    assert await answer(prompted(folder, "python", "built", target={"factory": True})) == "Be kind."


async def test_a_callable_whose_only_parameter_is_called_prompt_gets_the_message_where_no_prompt_is_named(
    folder: Path,
) -> None:
    (folder / "agent.py").write_text(AGENT)
    assert await answer(written_suite(folder, target={"kind": "python", "path": "agent.py:echoes"})) == "HELLO"


async def test_a_chat_model_begins_with_the_prompt(url: str, folder: Path) -> None:
    publish(url, "Be kind.")
    assert await answer(prompted(folder, "chat", "Parrot", target={"system": "unused"})) == "Be kind."


async def test_if_the_hub_cannot_be_reached_the_fallback_is_used_and_without_one_nothing_is_evaluated(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", "http://127.0.0.1:9")
    (folder / "safe.txt").write_text("Be safe, {{customer}}.")
    given = {"variables": {"customer": "Ann"}, "system": "Be good."}
    suite = prompted(folder, "chat", "Parrot", target={**given, "fallback": "file:safe.txt"})
    assert await answer(suite) == "Be safe, Ann."
    for kind, name, target in (
        ("chat", "Parrot", {"system": "Be good."}),
        ("python", "reads", {}),
        ("langgraph", "graph", {}),
    ):
        with pytest.raises(TransientError, match=r"hub:support:production.*127\.0\.0\.1:9"):
            await answer(prompted(folder, kind, name, target={**target, "variables": given["variables"]}))


async def test_if_the_hub_cannot_be_reached_the_judge_needs_a_fallback_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", "http://127.0.0.1:9")
    rubric = [{"id": "c1", "input": "hello", "assertions": [{"type": "llm_rubric", "value": "polite"}]}]
    (folder / "agent.py").write_text(AGENT)
    (folder / "safe.txt").write_text("Look for kindness.")
    judge = {"model": "agent.py:Judge", "prompt": "hub:judging", "instructions": "Look for kindness."}
    with pytest.raises(TransientError, match="hub:judging:latest"):
        await EvalRunner(written_suite(folder, judge=judge, cases=rubric)).arun("c1")
    suite = written_suite(folder, judge={**judge, "fallback": "file:safe.txt"}, cases=rubric)
    assert (await EvalRunner(suite).arun("c1")).status == "passed"


async def test_the_target_version_is_another_with_another_prompt(url: str, folder: Path) -> None:
    suite, versions = prompted(folder, "python", "asks"), []
    for text in ("one", "two", "one"):
        publish(url, text)
        # `latest` is always fetched; a tag is cached for five minutes.
        latest = {**suite.spec.target.model_dump(exclude_none=True), "prompt": "hub:support"}
        versions.append((await answered(written_suite(folder, target=latest))).target_version)
    assert len(set(versions)) == 3, "the Hub's commits are hashes over their parents, too"
    assert len({version.partition("+")[0] for version in versions}) == 1


async def test_the_judge_has_the_text_of_its_prompt_as_instructions(url: str, folder: Path) -> None:
    rubric = [{"id": "c1", "input": "hello", "assertions": [{"type": "llm_rubric", "value": "polite"}]}]
    versions = []
    for text, passed in (("Look for kindness.", "passed"), ("Look for speed.", "failed")):
        publish(url, text, name="judging")
        judge = {"model": "agent.py:Judge", "prompt": "hub:judging", "instructions": "unused"}
        (folder / "agent.py").write_text(AGENT)
        target = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo"}
        suite = written_suite(folder, judge=judge, cases=rubric, target=target)
        result = await EvalRunner(suite).arun("c1")
        assert (result.status, text in str(result.assertions[0].votes[0]["reasoning"])) == (passed, True)
        versions.append(result.fingerprint)
    assert versions[0] != versions[1]


async def test_a_prompt_for_the_judge_with_variables_is_refused(url: str, folder: Path) -> None:
    publish(url, "Be kind.")
    publish(url, "Look for {{what}}.", name="judging")
    suite = prompted(folder, "python", "reads", judge={"model": "agent.py:Judge", "prompt": "hub:judging"})
    with pytest.raises(InputError, match=r"judge\.prompt.* needs what"):
        await EvalRunner(suite).arun("c1")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"prompt": "support"}, "names no prompt"),
        ({"fallback": "hub:support"}, "is no file"),
        ({"fallback": "file:gone.txt"}, "no file at"),
        ({"prompt": None, "variables": {"a": 1}}, "variables without `prompt`"),
    ],
)
def test_mistakes_in_the_target_are_reported(folder: Path, target: dict[str, Any], message: str) -> None:
    (folder / "agent.py").write_text(AGENT)
    given = {"kind": "python", "path": "agent.py:asks", "prompt": "hub:support", **target}
    try:
        written_suite(folder, target=given)
    except InputError as error:
        problems = list(error.problems)
    else:
        problems = check_suite(folder)[2]
    assert [message in problem.message for problem in problems] == [True]
    assert problems[0].file == folder / "suite.yaml"
