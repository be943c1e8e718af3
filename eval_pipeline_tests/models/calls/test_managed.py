"""Models that are opened by name try again where that can help, whichever way LangChain calls them, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import tenacity
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from eval_pipeline.models.calls import retrying
from eval_pipeline.models.opening import chat_model
from eval_pipeline.testing.openai_server import Faults, OpenAIServer, openai_server, tool_call


@pytest.fixture(autouse=True)
async def _quick(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setattr(retrying, "_backoff", tenacity.wait_fixed(0.01))
    yield
    await asyncio.sleep(0.01)  # in which connections that were cut are closed


def opened(server: OpenAIServer, **parameters: Any) -> BaseChatModel:
    return chat_model("openai:gpt-test", folder=Path(), base_url=server.url, **parameters)


async def ainvoke(model: BaseChatModel) -> str:
    return (await model.ainvoke("hi")).text


async def invoke(model: BaseChatModel) -> str:
    return model.invoke("hi").text


async def astream(model: BaseChatModel) -> str:
    return "".join([chunk.text async for chunk in model.astream("hi")])


async def stream(model: BaseChatModel) -> str:
    return "".join(chunk.text for chunk in model.stream("hi"))


WAYS = [ainvoke, invoke, astream, stream]


@pytest.mark.parametrize("fault", ["429", "429-date", "500", "529", "garbled"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_passing_fault_is_not_seen(way: Callable[[BaseChatModel], Any], fault: str) -> None:
    with openai_server(lambda _: "hello there", faults=Faults(plan=[fault, fault])) as server:
        assert await way(opened(server)) == "hello there"
    assert [entry.fault for entry in server.log.entries] == [fault, fault, None]


@pytest.mark.parametrize("way", [ainvoke, invoke])
async def test_an_answer_that_is_cut_is_asked_for_again(way: Callable[[BaseChatModel], Any]) -> None:
    for parameters in ({}, {"streaming": True}):
        with openai_server(lambda _: "hello there you", faults=Faults(plan=["cut"])) as server:
            assert await way(opened(server, **parameters)) == "hello there you"
        assert len(server.log.entries) == 2


@pytest.mark.parametrize("way", [astream, stream])
async def test_a_stream_that_is_cut_after_its_first_words_is_not_begun_anew(
    way: Callable[[BaseChatModel], Any],
) -> None:
    faults = Faults(plan=["cut"])
    with openai_server(lambda _: "hello there you", faults=faults) as server, pytest.raises(openai.APIConnectionError):
        await way(opened(server))
    assert len(server.log.entries) == 1


@pytest.mark.parametrize("fault", ["401", "403", "404", "context", "quota"])
async def test_what_no_second_try_mends_is_tried_once(fault: str) -> None:
    faults = Faults(plan=[fault] * 9)
    with openai_server(lambda _: "hello", faults=faults) as server, pytest.raises(openai.APIStatusError):
        await opened(server).ainvoke("hi")
    assert len(server.log.entries) == 1


async def test_trying_ends() -> None:
    faults = Faults(rate=1, kinds=["500"])
    with openai_server(lambda _: "hello", faults=faults) as server, pytest.raises(openai.InternalServerError):
        await opened(server).ainvoke("hi")
    assert len(server.log.entries) == 1 + retrying.DEFAULT_RETRIES


async def test_a_provider_that_wants_peace_for_long_is_left_alone() -> None:
    faults = Faults(plan=["429"], retry_after_s=retrying.LONGEST_WAIT + 1)
    with openai_server(lambda _: "hello", faults=faults) as server, pytest.raises(openai.RateLimitError):
        await opened(server).ainvoke("hi")


def test_a_managed_model_is_of_its_providers_class_and_its_name() -> None:
    model = chat_model("openai:gpt-test", folder=Path())
    assert isinstance(model, ChatOpenAI)
    assert type(model).__name__ == "ChatOpenAI"
    assert model.lc_id() == ChatOpenAI.lc_id()
    assert model.max_retries == 0


class Verdict(BaseModel):
    """A verdict."""

    good: bool


async def test_structure_and_tools_are_asked_for_as_of_the_model_itself() -> None:
    def answer(body: Any) -> Any:
        if "response_format" in body:
            return '{"good": true}'
        return {"content": None, "tool_calls": [tool_call("find", q="x")]}

    with openai_server(answer, faults=Faults(plan=["500", None, "429"])) as server:
        model = opened(server)
        assert await model.with_structured_output(Verdict).ainvoke("hi") == Verdict(good=True)
        tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
        assert (await model.bind_tools([tool]).ainvoke("hi")).tool_calls[0]["args"] == {"q": "x"}


READY = FakeListChatModel(responses=["one", "two"], rate_limiter=InMemoryRateLimiter(requests_per_second=1000))


def test_a_model_of_the_users_own_keeps_its_memory_and_stays_as_it_is() -> None:
    model = chat_model(f"{__name__}:READY", folder=Path())
    assert [model.invoke("hi").text, model.invoke("hi").text] == ["one", "two"]
    assert type(READY) is FakeListChatModel
    assert isinstance(READY.rate_limiter, InMemoryRateLimiter)


async def test_a_consumer_may_call_the_model_between_two_chunks() -> None:
    def answer(body: Any) -> str:
        return "inner" if body["messages"][-1]["content"] == "inner" else "a b c"

    with openai_server(answer) as server:
        model = opened(server)
        texts = [(chunk.text, await ainvoke_inner(model)) async for chunk in model.astream("hi") if chunk.text.strip()]
    assert texts == [("a ", "inner"), ("b ", "inner"), ("c", "inner")]


async def ainvoke_inner(model: BaseChatModel) -> str:
    return (await model.ainvoke("inner")).text


def test_a_stream_that_is_not_read_to_its_end_is_no_failure() -> None:
    with openai_server(lambda _: "a b c") as server:
        chunks: Iterator[Any] = opened(server).stream("hi")
        assert next(chunks) is not None
        chunks.close()  # type: ignore[attr-defined]
    assert len(server.log.entries) == 1
