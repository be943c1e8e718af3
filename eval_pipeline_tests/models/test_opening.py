"""Models by name: providers, import paths, and the error if there is none; and the digest in a name's version."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from eval_pipeline.errors import CredentialsError, InputError, PermanentError
from eval_pipeline.models.opening import chat_model, embeddings_model
from eval_pipeline.store.content_hash import digest
from eval_pipeline_tests.fakes import WordEmbeddings

CODE = """
from langchain_core.language_models.fake_chat_models import FakeListChatModel
ready = FakeListChatModel(responses=["ready"])
def build(**parameters): return FakeListChatModel(responses=[str(parameters)])
number = lambda **_: 5
"""


@pytest.fixture
def code(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return folder


def test_a_model_may_be_ready_or_made_with_parameters(code: Path) -> None:
    assert chat_model("own.py:ready", folder=code).invoke("x").content == "ready"
    assert chat_model("own.py:build", folder=code, temperature=0).invoke("x").content == "{'temperature': 0}"


def test_embeddings_may_be_a_class_of_ones_own(folder: Path) -> None:
    assert isinstance(embeddings_model("eval_pipeline_tests.fakes:WordEmbeddings", folder=folder), WordEmbeddings)


def test_a_provider_is_found_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    assert type(chat_model("openai:gpt-4o", folder=folder)).__name__ == "ChatOpenAI"
    assert type(embeddings_model("openai:text-embedding-3-small", folder=folder)).__name__ == "OpenAIEmbeddings"
    assert not isinstance(chat_model("openai:gpt-4o", folder=folder), FakeListChatModel)


def test_what_is_no_model_is_refused(code: Path) -> None:
    with pytest.raises(InputError, match="is a int, not a LangChain chat model"):
        chat_model("own.py:number", folder=code)


@pytest.mark.parametrize("name", ["nowhere:model", "some-unknown-model"])
def test_an_unknown_provider_is_the_users_mistake(folder: Path, name: str) -> None:
    for make in (chat_model, embeddings_model):
        with pytest.raises(InputError, match="provider:model"):
            make(name, folder=folder)


def test_a_key_that_is_not_set_is_reported(folder: Path) -> None:
    for make, name in ((chat_model, "openai:gpt-4o"), (embeddings_model, "openai:text-embedding-3-small")):
        with pytest.raises(CredentialsError, match="set the provider's key"):
            make(name, folder=folder)


def test_a_package_that_is_not_installed_is_reported(folder: Path) -> None:
    with pytest.raises(PermanentError, match="install the provider's package"):
        chat_model("fireworks:any", folder=folder)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(values, max_size=3), st.lists(values, max_size=3))
@settings(max_examples=100, deadline=None)
def test_digests_are_equal_exactly_for_equal_values(one: list[object], other: list[object]) -> None:
    assert (digest(*one) == digest(*other)) == (repr_of(one) == repr_of(other))
    assert len(digest(*one)) == 16


def repr_of(value: object) -> str:
    """A text for a value that does not depend on the order of keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{repr_of(value[key])}" for key in sorted(value)) + "}"
    return "[" + ",".join(map(repr_of, value)) + "]" if isinstance(value, list) else repr(value)
