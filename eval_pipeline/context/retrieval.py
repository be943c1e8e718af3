"""Find documents similar to a query: by BM25, which works offline, or with an embeddings model."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import Stemmer

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.opening import embeddings_model
from eval_pipeline.suite.spec.context import Retrieval

_QUERIES_AT_ONCE = 8
_QUERIES_PER_BATCH = 512
"""Bounds memory: scores are a dense matrix of queries by documents."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A search result: the position of the text, and its score (higher is more similar)."""

    position: int
    score: float


class Index(Protocol):
    """Texts that can be searched."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query at most `k` texts, best first."""


def index_of(texts: Sequence[str], retrieval: Retrieval, *, folder: Path) -> Index:
    """The index that `retrieval` describes over `texts`."""
    if retrieval.method == "bm25":
        return Bm25Index(texts, language=retrieval.language)
    assert retrieval.model is not None
    return EmbeddingsIndex(texts, model=retrieval.model, folder=folder)


class Bm25Index:
    """Okapi BM25 over stemmed words (bm25s' defaults: Lucene's variant, k1=1.5, b=0.75).

    A text that shares no word with a query is no hit.
    """

    def __init__(self, texts: Sequence[str], *, language: str = "english") -> None:
        try:
            self._stemmer = Stemmer.Stemmer(language)
        except KeyError as error:
            fix = f"use one of {', '.join(Stemmer.algorithms())}"
            raise InputError(
                Problem(message=f"no stemmer for {language!r}", fix=fix, field="retrieval.language")
            ) from error
        self._stopwords = "english" if language == "english" else []
        import bm25s  # noqa: PLC0415 - 0.2 s, which reusing a snapshot does not need

        self._index, self._tokenize = bm25s.BM25(), bm25s.tokenize
        self._size = len(texts)
        tokens = self._tokens(texts)
        # bm25s cannot index a corpus without a single word.
        self._empty = not any(tokens)
        if not self._empty:
            self._index.index(tokens, show_progress=False)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query its `k` best texts, best first; fewer if fewer share a word with it."""
        if self._empty or not queries:
            return [[] for _ in queries]
        positions, scores = self._index.retrieve(self._tokens(queries), k=min(k, self._size), show_progress=False)
        return [
            [
                Hit(position=int(position), score=float(score))
                for position, score in zip(*pair, strict=True)
                if score > 0
            ]
            for pair in zip(positions, scores, strict=True)
        ]

    def _tokens(self, texts: Sequence[str]) -> list[list[str]]:
        tokens: list[list[str]] = self._tokenize(
            list(texts), stopwords=self._stopwords, stemmer=self._stemmer, return_ids=False, show_progress=False
        )
        return tokens


class EmbeddingsIndex:
    """Cosine similarity of embeddings, exact."""

    def __init__(self, texts: Sequence[str], *, model: str, folder: Path) -> None:
        self._model = embeddings_model(model, folder=folder)
        self._vectors = _normalized(self._model.embed_documents(list(texts)))

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query its `k` best texts, best first."""
        if not self._vectors.size:
            return [[] for _ in queries]
        hits: list[list[Hit]] = []
        for start in range(0, len(queries), _QUERIES_PER_BATCH):
            batch = list(queries[start : start + _QUERIES_PER_BATCH])
            # Some models embed queries differently from documents; LangChain's interface takes queries one by one.
            with ThreadPoolExecutor(_QUERIES_AT_ONCE) as threads:
                vectors = list(threads.map(self._model.embed_query, batch))
            scores = _normalized(vectors) @ self._vectors.T
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            hits += [
                [Hit(position=int(p), score=float(row[p])) for p in best]
                for row, best in zip(scores, order, strict=True)
            ]
        return hits


def _normalized(vectors: Sequence[Sequence[float]]) -> npt.NDArray[np.float32]:
    matrix = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(matrix / np.where(norms == 0, 1, norms), dtype=np.float32)
