"""How near an answer is to another text: by words, and by embeddings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from typing_extensions import override

from eval_pipeline.assertions.similarity import cosine, word_f1
from eval_pipeline_tests.building import a_scope, a_turn, result_of

EMBEDDINGS = "eval_pipeline_tests.fakes:WordEmbeddings"


@pytest.mark.parametrize(
    ("answer", "expected", "f1"),
    [
        # Precision 3/5, recall 1; SQuAD's own script gives the same, there being no article to drop.
        ("it was in year 1066", "in year 1066", 0.75),
        ("Denver Broncos", "denver broncos", 1.0),
        ("cat cat cat", "cat", 0.5),
        ("cat", "dog", 0.0),
        ("", "", 1.0),
        ("", "cat", 0.0),
        ("東京都", "東京", 0.8),
    ],
)
def test_words_in_common_are_measured_as_squad_does(answer: str, expected: str, f1: float) -> None:
    assert word_f1(answer, expected) == pytest.approx(f1)


@given(st.text(), st.text())
def test_it_is_symmetric_within_0_and_1_and_1_for_the_same(first: str, second: str) -> None:
    assert word_f1(first, second) == word_f1(second, first)
    assert 0 <= word_f1(first, second) <= 1
    assert word_f1(first, first) == 1


async def test_without_a_threshold_it_only_scores_and_the_nearest_counts() -> None:
    result = await result_of({"type": "similarity", "value": ["dog", "black cat"]}, a_scope(a_turn("a black cat")))
    assert (result.passed, result.score) == (None, 0.8)
    assert "black cat" in result.message


async def test_embeddings_compare_by_cosine() -> None:
    scope = a_scope(a_turn("cat and dog"))
    result = await result_of({"type": "similarity", "value": ["fish", "cat cat"], "model": EMBEDDINGS}, scope)
    assert result.score == pytest.approx(2**-0.5)


def test_opposite_directions_and_no_length_are_no_error() -> None:
    assert cosine([1.0, 0.0], [-1.0, 0.0]) == -1.0
    assert cosine([0.0], [1.0]) == 0.0


async def test_an_embeddings_model_that_does_not_exist_is_an_error_of_the_assertion() -> None:
    result = await result_of({"type": "similarity", "value": "x", "model": "nowhere:none"}, a_scope(a_turn("x")))
    assert result.error is not None
    assert result.score is None


class NoNumbers(Embeddings):
    """A model that went wrong."""

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float("nan"), 1.0] for _ in texts]

    @override
    def embed_query(self, text: str) -> list[float]:
        return [float("nan"), 1.0]


async def test_embeddings_that_are_no_numbers_break_the_assertion() -> None:
    model = f"{__name__}:NoNumbers"
    result = await result_of(
        {"type": "similarity", "value": "x", "model": model, "threshold": 0.5}, a_scope(a_turn("x"))
    )
    assert (result.passed, result.score) == (None, None)
    assert "hold what is no number" in result.message
