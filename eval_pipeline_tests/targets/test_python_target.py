"""Python callables as targets: what they get, what they may return, and what is refused."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import InputError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline.targets.opening import open_target, target_version
from eval_pipeline.targets.python import PythonSessionFactory
from eval_pipeline_tests.building import a_case, a_context, a_suite, an_evaluator, evaluated, write_suite

CODE = """
from eval_pipeline.context.shared_context import current_case_id, get_shared_context
from eval_pipeline.targets.session import Reply
from langchain_core.messages import AIMessage, HumanMessage

def sync(message): return message.upper()
async def later(message): return message.upper()
def other_name(said): return said.upper()
def other_with_options(said, history=None): return f"{said.upper()} {len(history)}"
def other_with_rest(said, **known): return f"{said.upper()} {len(known['history'])}"
def by_position(said, /, history=()): return f"{said.upper()} {len(history)}"
def remembers(message, history): return " ".join(item["content"] for item in history) + "|" + message
def informed(message, case, thread_id, runtime):
    return f"{case['id']} {len(thread_id)} {runtime['model']} {runtime['temperature']}"
def made(start):
    count = [start]
    def counting(message):
        count[0] += 1
        return str(count[0])
    return counting
def mapping(message): return {"response": "ok", "events": [{"type": "tool_call", "name": "f", "args": {}, "id": 7},
    {"type": "tool_result", "name": "f", "content": {"n": [1]}, "id": 7},
    {"type": "usage", "input_tokens": 3, "output_tokens": 1, "cost_usd": 0.5}]}
def reply(message): return Reply(response="ok")
def message_object(message): return AIMessage("ok")
def messages(message): return [HumanMessage(message), AIMessage("ok")]
def openai(message): return {"messages": [{"role": "user", "content": message}, {"role": "assistant", "content": "ok"}]}
def number(message): return 5
def empty(message): return []
def thing(message): return object()
def function(message): return number
def untyped(message): return {"response": "ok", "events": [{"name": "f"}]}
def no_events(message): return {"response": "ok", "events": ["f"]}
def bad_usage(message): return {"response": "ok", "events": [{"type": "usage", "input_tokens": "many"}]}
def looks_up(message): return get_shared_context().lookup("a", message)["n"] + current_case_id()
def raises(message): raise RuntimeError("no luck")
"""


@pytest.fixture
def code(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return folder


async def answered(
    folder: Path, name: str, *messages: str, context: SharedContext | None = None, **target: Any
) -> CaseResult:
    suite = a_suite(folder, target={"kind": "python", "path": f"own.py:{name}", **target})
    case = a_case(turns=[{"user": text} for text in messages or ("hi",)], runtime={"model": "m", "temperature": 0})
    return await evaluated(suite, case, context=context)


def responses(result: CaseResult) -> list[str]:
    assert result.error is None, result.error.traceback
    return [turn.response for turn in result.turns]


@pytest.mark.parametrize("name", ["sync", "later", "other_name"])
async def test_a_callable_answers_whether_sync_or_async(code: Path, name: str) -> None:
    assert responses(await answered(code, name)) == ["HI"]


@pytest.mark.parametrize("name", ["mapping", "reply", "message_object", "messages", "openai"])
async def test_an_answer_may_have_any_form(code: Path, name: str) -> None:
    assert responses(await answered(code, name)) == ["ok"]


async def test_the_conversation_so_far_is_given_anew_for_each_attempt(code: Path) -> None:
    for _ in range(2):
        assert responses(await answered(code, "remembers", "a", "b")) == ["|a", "a |a|b"]


async def test_the_case_the_thread_and_the_runtime_are_given(code: Path) -> None:
    assert responses(await answered(code, "informed")) == ["c1 36 m 0.0"]


async def test_a_factory_makes_one_for_each_attempt_from_the_options(code: Path) -> None:
    for _ in range(2):
        result = await answered(code, "made", "a", "b", factory=True, options={"start": 5})
        assert responses(result) == ["6", "7"]


async def test_usage_among_the_events_is_added_up(code: Path) -> None:
    result = await answered(code, "mapping", "a", "b")
    assert (result.tokens.input, result.tokens.output, result.cost_usd) == (6, 2, 1.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("thing", "the target returned a object"),
        ("function", "the target returned a function"),
        ("untyped", "has no `type`"),
        ("no_events", "has no `type`"),
        ("raises", "no luck"),
    ],
)
async def test_what_is_no_answer_makes_the_attempt_an_error(code: Path, name: str, message: str) -> None:
    result = await answered(code, name)
    assert result.status == "error"
    assert result.error is not None
    assert message in result.error.message


async def test_usage_that_is_no_number_is_an_error_of_the_attempt(code: Path) -> None:
    assert (await answered(code, "bad_usage")).status == "error"


async def test_the_shared_context_reaches_a_sync_callable_in_its_thread(code: Path, tmp_path: Path) -> None:
    (code / "a.csv").write_text("id,n\nx,one\n")
    suite = a_suite(code, context={"tables": {"a": {"file": "a.csv"}}})
    context = a_context(suite, LocalStore(tmp_path / "store"))
    assert responses(await answered(code, "looks_up", "x", context=context)) == ["onec1"]


def test_the_version_follows_source_and_options_unless_it_is_given(code: Path) -> None:
    def version(**target: Any) -> str:
        return target_version(a_suite(code, target={"kind": "python", "path": "own.py:sync", **target}))

    first = version()
    assert version() == first
    assert version(options={"a": 1}) != first
    assert version(version="7") == "7"
    (code / "own.py").write_text(CODE + "\n# changed\n")
    assert version() != first


def test_one_attempt_is_made_unless_more_are_asked_for(code: Path) -> None:
    target = open_target(a_suite(code, target={"kind": "python", "path": "own.py:sync"}))
    assert [target.attempts(a_case(), repetitions) for repetitions in (None, 3)] == [1, 3]


@pytest.mark.parametrize("number", ["float('nan')", "float('inf')", "2**63", "1.5", "''"])
async def test_usage_that_cannot_be_added_up_or_stored_is_an_error_of_the_attempt(folder: Path, number: str) -> None:
    event = f"{{'type': 'usage', 'input_tokens': {number}}}"
    (folder / "own.py").write_text(f"def odd(message): return {{'response': 'ok', 'events': [{event}]}}\n")
    result = await answered(folder, "odd")
    assert result.error is not None
    assert "lacks a usable input_tokens" in result.error.message


@pytest.mark.parametrize("name", ["other_with_options", "other_with_rest", "by_position"])
async def test_the_first_parameter_may_have_any_name_beside_optional_ones(code: Path, name: str) -> None:
    assert responses(await answered(code, name)) == ["HI 0"]


def test_the_version_of_a_target_whose_prompt_is_not_there_is_no_error_and_opening_it_is(folder: Path) -> None:
    model = "eval_pipeline_tests.fakes:ReadingModel"
    suite = a_suite(folder, target={"kind": "chat", "model": model, "system_file": "gone.md"})
    assert target_version(suite)
    with pytest.raises(InputError, match=r"gone\.md"):
        open_target(suite)


class WithoutHash:
    """To be called, and not to be a key."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, message: str) -> str:
        return message.upper()


async def test_a_callable_that_cannot_be_hashed_is_called(tmp_path: Path) -> None:
    target = PythonSessionFactory(WithoutHash())
    result = await an_evaluator(a_suite(tmp_path), target=target).evaluate(Attempt(case=a_case(), number=1))
    assert result.turns[0].response == "HELLO"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"question": "tea?", "country": "DE"}, "tea?"),
        ({"topic": "tea", "audience": "kids"}, {"topic": "tea", "audience": "kids"}),
        ({"question": {"text": "tea?"}, "country": "DE"}, {"question": {"text": "tea?"}, "country": "DE"}),
    ],
)
async def test_a_message_is_what_the_user_asks_and_the_inputs_are_whole(inputs: Any, message: Any) -> None:
    def agent(message: Any, inputs: Any, input: Any) -> Any:  # noqa: A002 - the name of what it gets
        return [message, inputs, input]

    result = await EvalRunner(target=agent).arun(a_case(inputs=inputs))
    assert result.turns[0].outputs == [message, inputs, inputs]


async def test_a_callable_with_one_parameter_gets_the_inputs_as_they_are() -> None:
    result = await EvalRunner(target=lambda example: example["country"]).arun(
        a_case(inputs={"question": "tea?", "country": "DE"})
    )
    assert result.turns[0].response == "DE"


THREADS = """
import asyncio, sqlite3, threading

def with_sqlite():
    database = sqlite3.connect(":memory:")
    database.execute("create table heard (text)")
    def answer(message):
        database.execute("insert into heard values (?)", (message,))
        return "; ".join(text for (text,) in database.execute("select text from heard"))
    return answer

def with_local():
    local = threading.local()
    local.heard = []
    def answer(message):
        local.heard.append(message)
        return "; ".join(local.heard)
    return answer

def streaming():
    local = threading.local()
    local.heard = []
    def answer(message):
        local.heard.append(message)
        yield "; ".join(local.heard)
    return answer

LOCAL = threading.local()
def plain(message):
    LOCAL.heard = [*getattr(LOCAL, "heard", []), message]
    return "; ".join(LOCAL.heard)

async def asynchronous():
    loop, heard = asyncio.get_running_loop(), []
    async def answer(message):
        assert asyncio.get_running_loop() is loop
        heard.append(message)
        return "; ".join(heard)
    return answer

together = threading.Barrier(8)
def slow():
    together.wait(timeout=30)
    return lambda message: message

def makes_none(): return None
"""


@pytest.mark.parametrize("name", ["with_sqlite", "with_local", "streaming", "plain", "asynchronous"])
async def test_an_agent_is_called_in_the_thread_and_loop_it_was_made_in(folder: Path, name: str) -> None:
    (folder / "own.py").write_text(THREADS)
    suite = a_suite(folder, target={"kind": "python", "path": f"own.py:{name}", "factory": name != "plain"})
    for _ in range(2):
        result = await evaluated(suite, a_case(turns=[{"user": "tea"}, {"user": "milk"}]))
        assert [turn.response for turn in result.turns] == ["tea", "tea; milk"], result.error


async def test_slow_factories_of_several_attempts_run_beside_each_other(folder: Path) -> None:
    (folder / "own.py").write_text(THREADS)
    evaluator = an_evaluator(a_suite(folder, target={"kind": "python", "path": "own.py:slow", "factory": True}))
    attempts = [evaluator.attempts(a_case(f"c{number}"), None)[0] for number in range(8)]
    results = await asyncio.gather(*map(evaluator.evaluate, attempts))
    assert [result.error for result in results] == [None] * 8


async def test_a_thread_of_an_attempt_ends_with_it(folder: Path) -> None:
    (folder / "own.py").write_text(THREADS)
    await evaluated(a_suite(folder, target={"kind": "python", "path": "own.py:plain"}), a_case())
    for thread in threading.enumerate():
        if thread.name == "eval_pipeline attempt":
            thread.join(timeout=10)
            assert not thread.is_alive()


SESSION = """
from pathlib import Path
class TestSession:
    def __init__(self, model="none", version=None, test_data=None, prefix=""):
        self.said = f"{prefix}{model} {version} {test_data}"
    async def __aenter__(self):
        Path("opened").touch()
        return self
    async def __aexit__(self, *error):
        Path("closed").touch()
    async def send_message(self, text):
        if text == "fail":
            raise RuntimeError("no")
        return self.said, [{"type": "tool_call", "name": "look", "args": {}}]
"""


@pytest.mark.parametrize(("asked", "status"), [("hello", "unscored"), ("fail", "error")])
async def test_a_session_is_opened_before_the_first_turn_and_closed_after_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, status: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.py").write_text(SESSION)
    target = {"kind": "python", "path": "agent.py:TestSession", "factory": True, "options": {"prefix": "> "}}
    write_suite(tmp_path, target=target)
    case = {"id": "a", "input": asked, "runtime": {"model": "m", "test_data": {"user": "Sam"}}}

    result = await EvalRunner(tmp_path).arun(case)

    assert result.status == status
    assert (tmp_path / "closed").exists()
    if asked == "hello":
        assert result.turns[0].response == "> m None {'user': 'Sam'}"
        assert [event["name"] for event in result.turns[0].events] == ["look"]


async def test_a_class_with_send_message_needs_no_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.py").write_text(SESSION)
    write_suite(tmp_path, target={"kind": "python", "path": "agent.py:TestSession"})
    result = await EvalRunner(tmp_path).arun({"id": "a", "input": "hello", "runtime": {"version": "v2"}})
    assert result.turns[0].response == "none v2 None"
    assert (tmp_path / "closed").exists()


async def test_a_sync_context_manager_is_entered_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = """
import contextlib
from pathlib import Path
@contextlib.contextmanager
def opened():
    yield lambda message: message.upper()
    Path("closed").touch()
"""
    (tmp_path / "agent.py").write_text(code)
    write_suite(tmp_path, target={"kind": "python", "path": "agent.py:opened", "factory": True})
    result = await EvalRunner(tmp_path).arun({"id": "a", "input": "hello"})
    assert result.turns[0].response == "HELLO"
    assert (tmp_path / "closed").exists()
