"""Finding similar documents: BM25 over stemmed words, and embeddings by import path."""

from pathlib import Path

import pytest

from eval_pipeline.context.retrieval import Bm25Index, EmbeddingsIndex, Index, index_of
from eval_pipeline.errors import InputError
from eval_pipeline.suite.spec.context import Retrieval

TEXTS = ["The cats sleep.", "A dog barks at dogs", "fish and fishes and a cat", "nothing of the kind"]
FAKE = "eval_pipeline_tests.fakes:WordEmbeddings"


def positions(index: Index, query: str, k: int = 4) -> list[int]:
    return [hit.position for hit in index.search([query], k)[0]]


def test_bm25_finds_words_in_any_form_best_first() -> None:
    index = Bm25Index(TEXTS)
    assert positions(index, "DOG barking") == [1]
    assert set(positions(index, "cat")) == {0, 2}
    scores = [hit.score for hit in index.search(["sleeping cats"], 4)[0]]
    assert positions(index, "sleeping cats")[0] == 0
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("query", ["", "the of and", "zebra", "?!"])
def test_a_query_that_shares_no_word_finds_nothing(query: str) -> None:
    assert positions(Bm25Index(TEXTS), query) == []


def test_k_may_be_more_than_there_are_texts() -> None:
    assert len(positions(Bm25Index(["cat", "cat"]), "cat", k=10)) == 2
    assert len(positions(Bm25Index(["cat", "cat"]), "cat", k=1)) == 1


@pytest.mark.parametrize("texts", [[], [""], ["", "the"]])
def test_texts_without_words_can_be_searched(texts: list[str]) -> None:
    assert positions(Bm25Index(texts), "cat") == []


def test_no_query_finds_nothing() -> None:
    assert Bm25Index(TEXTS).search([], 4) == []


def test_another_language_stems_its_own_way() -> None:
    texts = ["Die Katzen schlafen", "Hunde bellen"]
    assert positions(Bm25Index(texts, language="german"), "katze schläft") == [0]


def test_a_language_without_a_stemmer_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(InputError, match=r"no stemmer for 'klingon'.*english"):
        Bm25Index(TEXTS, language="klingon")


def test_embeddings_order_by_cosine(folder: Path) -> None:
    index = index_of(TEXTS, Retrieval(method="embeddings", model=FAKE), folder=folder)
    assert isinstance(index, EmbeddingsIndex)
    hits = index.search(["dog", "a fish, a fish, a cat", "none"], 2)
    assert hits[0][0].position == 1
    assert hits[1][0].position == 2
    assert hits[1][0].score == pytest.approx(1.0)
    assert [len(row) for row in hits] == [2, 2, 2]


def test_embeddings_of_no_texts_find_nothing(folder: Path) -> None:
    assert EmbeddingsIndex([], model=FAKE, folder=folder).search(["x"], 3) == [[]]


def test_what_gives_no_embeddings_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="is a dict, not LangChain Embeddings"):
        EmbeddingsIndex(TEXTS, model="own.py:model", folder=_with_code(folder, "model = dict\n"))


def _with_code(folder: Path, code: str) -> Path:
    (folder / "own.py").write_text(code)
    return folder
