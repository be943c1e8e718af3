"""Prompts of the Hub, through the real SDK against the recorder: read, cached, published, tagged, and replaced."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langsmith import Client

from eval_pipeline.errors import CredentialsError, InputError, TransientError
from eval_pipeline.prompts.disk_cache import PromptCache
from eval_pipeline.prompts.hub import ExpectedCommit, PromptHub, PromptMovedError, PromptMovedOnError
from eval_pipeline.prompts.opening import open_prompts
from eval_pipeline.prompts.prompt import Prompt, prompt_of_file
from eval_pipeline.prompts.resolving import HubPromptStore
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.spec.prompt_reference import PromptReference, parse_reference
from eval_pipeline_tests.prompts.published import overtaken_hub

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def running() -> Iterator[RecorderServer]:
    server = RecorderServer(config=RecorderConfig()).start()
    yield server
    server.stop()


@pytest.fixture
def server(running: RecorderServer) -> RecorderServer:
    running.recorder.clear()
    running.faults.clear()
    return running


def hub_at(url: str) -> PromptHub:
    retry = None
    return PromptHub(Client(api_url=url, api_key="key", info={}, retry_config=retry, timeout_ms=(500, 2_000)))


@pytest.fixture
def hub(server: RecorderServer) -> PromptHub:
    return hub_at(server.url)


def cache_in(folder: Path) -> PromptCache:
    return PromptCache(folder / "cache", server="http://hub")


@pytest.fixture
def store(hub: PromptHub, tmp_path: Path) -> HubPromptStore:
    return HubPromptStore(hub, cache=cache_in(tmp_path), folder=tmp_path)


def a_prompt(text: str, name: str = "support") -> Prompt:
    reference = PromptReference(place="hub", name=name, version="latest")
    return Prompt(reference=reference, template=ChatPromptTemplate.from_messages([("system", text)]), commit="")


def text_of(prompt: Prompt | None, **values: str) -> str:
    assert prompt is not None
    (message,) = prompt.messages(values)
    assert isinstance(message.content, str)
    return message.content


def test_a_prompt_is_pulled_by_latest_tag_and_commit(store: HubPromptStore) -> None:
    first = store.upsert(a_prompt("Be kind to {customer}."), tag="production")
    second = store.upsert(a_prompt("Be brief with {customer}."))
    prompts = {
        version: store.resolve(parse_reference(f"hub:support:{version}")).prompt
        for version in ("latest", "production", first, second[:10])
    }
    assert {version: prompt and prompt.commit for version, prompt in prompts.items()} == {
        "latest": second,
        "production": first,
        first: first,
        second[:10]: second,
    }
    assert text_of(prompts["production"], customer="Ann") == "Be kind to Ann."


def test_publishing_the_same_again_adds_nothing(store: HubPromptStore) -> None:
    assert store.upsert(a_prompt("Be kind.")) == store.upsert(a_prompt("Be kind."))


def test_a_text_prompt_of_the_hub_is_a_system_message(
    hub: PromptHub, server: RecorderServer, store: HubPromptStore
) -> None:
    del hub
    Client(api_url=server.url, api_key="key", info={}).push_prompt(
        "plain", object=PromptTemplate.from_template("Hi {x}")
    )
    assert text_of(store.resolve(parse_reference("hub:plain")).prompt, x="you") == "Hi you"


def test_the_cache_saves_requests_for_tags_and_commits_and_none_for_latest(
    server: RecorderServer, store: HubPromptStore
) -> None:
    commit = store.upsert(a_prompt("Be kind."), tag="production")
    for version in ("production", commit, "latest"):
        store.resolve(parse_reference(f"hub:support:{version}"))
    server.faults.add(Fault(path="/commits/", times=None))  # does nothing but count
    before, hits = len(server.faults.fired), store.hits
    sources = [
        store.resolve(parse_reference(f"hub:support:{version}")).source
        for version in ("production", commit, "latest", "production")
    ]
    assert sources == ["cached", "cached", "hub", "cached"]
    assert store.hits - hits == 3
    assert len(server.faults.fired) - before == 1


def test_workers_share_what_one_of_them_fetched(hub: PromptHub, tmp_path: Path) -> None:
    one, other = (HubPromptStore(hub, cache=cache_in(tmp_path), folder=tmp_path) for _ in range(2))
    commit = one.upsert(a_prompt("Be kind."))
    one.resolve(parse_reference(f"hub:support:{commit}"))
    assert other.resolve(parse_reference(f"hub:support:{commit}")).source == "cached"


def test_a_tag_is_fetched_again_after_its_time(hub: PromptHub, tmp_path: Path) -> None:
    store = HubPromptStore(hub, cache=cache_in(tmp_path), folder=tmp_path, ttl_s=0)
    store.upsert(a_prompt("Be kind."), tag="production")
    assert [store.resolve(parse_reference("hub:support:production")).source for _ in range(2)] == ["hub", "hub"]


def test_the_settings_decide_how_long_a_prompt_is_cached(
    server: RecorderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path))
    commit = hub_at(server.url).push(a_prompt("one"))
    hub_at(server.url).tag("support", "production", commit)

    def sources(version: str, **given: Any) -> list[str]:
        settings = LangSmithSettings(recorder_url=server.url, **given)
        with open_prompts(settings, tmp_path) as store:
            return [store.resolve(parse_reference(f"hub:support:{version}")).source for _ in range(2)]

    assert sources("production") == ["hub", "cached"]
    assert sources("production", cache_ttl_seconds=0) == ["hub", "hub"]
    assert sources(commit, cache_ttl_seconds=0) == ["cached", "cached"]
    assert sources(commit, cache_ttl_seconds=0, cache_versioned_indefinitely=False) == ["hub", "hub"]


def test_a_hub_that_the_settings_disable_is_not_asked(
    server: RecorderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path))
    hub_at(server.url).push(a_prompt("one"))
    (tmp_path / "fallback.txt").write_text("in the file")
    with open_prompts(LangSmithSettings(recorder_url=server.url, hub_enabled=False), tmp_path) as store:
        resolved = store.resolve(parse_reference("hub:support"), fallback=parse_reference("file:fallback.txt"))
    assert (resolved.source, text_of(resolved.prompt)) == ("file", "in the file")
    assert resolved.steps[0] == "the Prompt Hub is disabled"


def test_a_hub_that_the_settings_disable_serves_nothing_from_the_cache_either(
    server: RecorderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path))
    commit = hub_at(server.url).push(a_prompt("one"))
    reference = parse_reference(f"hub:support:{commit}")
    with open_prompts(LangSmithSettings(recorder_url=server.url), tmp_path) as store:
        assert store.resolve(reference).source == "hub"
    disabled = LangSmithSettings(recorder_url=server.url, hub_enabled=False)
    with open_prompts(disabled, tmp_path) as store, pytest.raises(TransientError, match="the Prompt Hub is disabled"):
        store.resolve(reference)


@pytest.mark.parametrize("name", ["support/answer", "support.answer"])
def test_a_prompt_with_a_namespace_is_one_of_the_own_workspace(name: str) -> None:
    assert parse_reference(f"hub:{name}:production").identifier == "support--answer:production"


def test_if_the_hub_cannot_be_reached_the_cached_then_the_file_then_an_error(
    store: HubPromptStore, tmp_path: Path
) -> None:
    (tmp_path / "fallback.txt").write_text("Be safe, {{customer}}.")
    commit = store.upsert(a_prompt("Be kind."))
    store.resolve(parse_reference("hub:support"))
    unreachable = HubPromptStore(hub_at(NOWHERE), cache=cache_in(tmp_path), folder=tmp_path)
    cached = unreachable.resolve(parse_reference("hub:support"))
    assert (cached.source, cached.prompt and cached.prompt.commit) == ("cached", commit)
    assert "cannot be fetched" in cached.steps[0]
    file = unreachable.resolve(parse_reference("hub:other"), fallback=parse_reference("file:fallback.txt"))
    assert (file.source, text_of(file.prompt, customer="Ann")) == ("file", "Be safe, Ann.")
    with pytest.raises(
        TransientError, match=rf"hub:other:latest cannot be fetched from {NOWHERE}.*nothing is cached"
    ) as raised:
        unreachable.resolve(parse_reference("hub:other"))
    assert "fallback" in raised.value.fix


def test_a_refused_key_is_an_error_if_there_is_no_replacement(server: RecorderServer, store: HubPromptStore) -> None:
    server.faults.add(Fault(status=401))
    with pytest.raises(CredentialsError, match="refuses the API key"):
        store.resolve(parse_reference("hub:support"))


def test_a_prompt_that_is_not_there_is_an_error_even_with_a_fallback(store: HubPromptStore, tmp_path: Path) -> None:
    (tmp_path / "fallback.txt").write_text("x")
    with pytest.raises(InputError, match="there is no prompt hub:suport:latest"):
        store.resolve(parse_reference("hub:suport"), fallback=parse_reference("file:fallback.txt"))


def test_a_prompt_that_lost_a_variable_is_refused_with_its_name(store: HubPromptStore) -> None:
    store.upsert(a_prompt("Be kind to {customer}."))
    with pytest.raises(InputError, match="lost the variables order, refund"):
        store.resolve(parse_reference("hub:support"), variables=["customer", "refund", "order"])


def test_a_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(InputError, match="needs customer, order"):
        a_prompt("{customer} {order}").messages({"refund": 1})


def test_publishing_over_a_commit_that_was_not_seen_fails(hub: PromptHub) -> None:
    first = hub.push(a_prompt("one"))
    hub.push(a_prompt("two"), parent=first)
    with pytest.raises(PromptMovedError, match="another user or process changed"):
        hub.push(a_prompt("three"), parent=first)


def test_of_many_processes_that_publish_at_once_each_adds_a_commit_or_fails_cleanly(
    hub: PromptHub, server: RecorderServer
) -> None:
    first, outcomes = hub.push(a_prompt("zero")), []
    start = threading.Barrier(6)

    def publish(number: int) -> None:
        mine = hub_at(server.url)
        start.wait()
        try:
            outcomes.append(mine.push(a_prompt(f"number {number}"), parent=first))
        except PromptMovedError:
            outcomes.append("moved")

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("moved") == 5


def test_a_tag_moves_only_from_the_expected_commit(hub: PromptHub) -> None:
    one, two = hub.push(a_prompt("one")), hub.push(a_prompt("two"))
    hub.tag("support", "production", one, expected=ExpectedCommit(commit=None))
    with pytest.raises(PromptMovedError):
        hub.tag("support", "production", two, expected=ExpectedCommit(commit=two))
    hub.tag("support", "production", two, expected=ExpectedCommit(commit=one))
    assert hub.tags("support") == {"production": two}


def test_a_tag_that_another_process_moves_at_the_same_moment_is_seen_to_have_moved(
    hub: PromptHub, server: RecorderServer
) -> None:
    one, two, three = (hub.push(a_prompt(text)) for text in ("one", "two", "three"))
    hub.tag("support", "production", one)
    with pytest.raises(PromptMovedOnError):
        overtaken_hub(server.url, commit=three).tag("support", "production", two, expected=ExpectedCommit(commit=one))
    assert hub.tags("support") == {"production": three}


def test_a_cached_tag_is_removed_when_it_is_moved(server: RecorderServer, tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    hub = PromptHub(Client(api_url=server.url, api_key="key", info={}), cache=cache)
    store = HubPromptStore(hub, cache=cache, folder=tmp_path)
    one = store.upsert(a_prompt("one"), tag="production")
    two = store.upsert(a_prompt("two"))
    production = parse_reference("hub:support:production")
    prompts = [store.resolve(production).prompt]
    hub.tag("support", "production", two, expected=ExpectedCommit(commit=one))
    prompts.append(store.resolve(production).prompt)
    assert [each and each.commit for each in prompts] == [one, two]


def test_a_cache_that_is_damaged_is_as_good_as_none(store: HubPromptStore, tmp_path: Path) -> None:
    store.upsert(a_prompt("Be kind."), tag="production")
    reference = parse_reference("hub:support:production")
    store.resolve(reference)
    for file in (tmp_path / "cache").rglob("*.json"):
        file.write_text(json.dumps({"half": 1})[:-2])
    assert store.resolve(reference).source == "hub"


@pytest.mark.parametrize("text", ["support", "hub:", "hub:a:b c", "file:", "http://x", "hub:../x"])
def test_what_names_no_prompt_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no prompt"):
        parse_reference(text)


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.txt.*cannot be read"):
        prompt_of_file(tmp_path / "gone.txt", reference=parse_reference("file:gone.txt"))
