"""Assertions about the documents that an attempt retrieved, by comparison: `retrieved`, `cites`."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import regex
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.assertions.comparing import ComparingAssertion
from eval_pipeline.assertions.normal_form import normal_text
from eval_pipeline.assertions.retrieval.documents import documents_of_context, retrieved_documents
from eval_pipeline.assertions.retrieval.measures import Measure, measured
from eval_pipeline.assertions.scope import WHOLE, CheckResult, Scope
from eval_pipeline.assertions.text import checked_pattern
from eval_pipeline.content.documents import RetrievedDocument, documents_in
from eval_pipeline.suite.spec.assertion import AssertionExample, SuiteFacts
from eval_pipeline.suite.spec.expression import Reference
from eval_pipeline.wording import counted, first_names

_SEARCH_S = 5.0
_MOST_NAMED = 5
_LABELS = ("source", "url", "title", "file", "path", "name")
"""Metadata by which answers name documents, besides their id."""


class Retrieved(ComparingAssertion):
    """How good the ranking of the retrieved documents is, against those that should have been retrieved.

    It scores with each of `measure`. Give a `threshold` to decide by it.
    """

    type: Literal["retrieved"]
    value: Any
    """The relevant documents: ids or texts, in a list, or a mapping from each to its grade; `{ref: …}` names them."""
    measure: Measure | tuple[Measure, ...] = "recall"
    """Each is a metric of its own: `recall@5`."""
    k: int | None = Field(default=None, ge=1)
    """How many of the ranking count; by default all."""

    may_take_long = True
    examples = (
        AssertionExample(
            "{type: retrieved, value: [d1, d2], measure: recall, k: 3, threshold: 1}",
            "{documents: {d1: Returns take 14 days, d3: Tea, d2: Fees}}",
            "{documents: {d1: Returns take 14 days, d3: Tea}}",
        ),
        AssertionExample(
            "{type: retrieved, value: {d1: 3, d2: 1}, measure: ndcg, threshold: 0.9}",
            "{documents: {d1: Returns take 14 days, d2: Fees}}",
            "{documents: {d2: Fees, d1: Returns take 14 days}}",
        ),
    )

    @field_validator("value")
    @classmethod
    def _names_documents(cls, value: Any) -> Any:
        if not isinstance(value, Reference) and not _grades(value):
            fix = {"fix": "give a list of ids or texts, a mapping from these to grades above zero, or `{ref: …}`"}
            raise PydanticCustomError("retrieved", "no document is relevant", fix)
        return value

    @model_validator(mode="after")
    def _has_one_name(self) -> "Retrieved":
        if isinstance(self.measure, tuple) and (self.name is not None or not self.measure):
            fix = {"fix": "leave out `name`, or write an assertion for each measure"}
            raise PydanticCustomError("retrieved", "several measures cannot have one name", fix)
        return self

    @property
    @override
    def metric(self) -> str:
        return self.name or self._named(self.measure if isinstance(self.measure, str) else self.measure[0])

    @override
    def metrics(self, suite: SuiteFacts) -> Collection[str]:
        return (self.metric,) if isinstance(self.measure, str) else [self._named(each) for each in self.measure]

    @override
    def may_decide(self, suite: SuiteFacts) -> bool:
        return self.threshold is not None

    @override
    def nothing(self) -> CheckResult:
        return CheckResult(passed=None, score=0.0, message="nothing was retrieved")

    @override
    def check(self, scope: Scope) -> Any:
        grades = _grades(self.value)
        retrieved = retrieved_documents(scope) if scope.focus is WHOLE else documents_in(scope.focus)
        ranking = _ranking(retrieved, grades)
        present = [name for name in ranking if name in grades]
        message = (
            f"{len(present)} of {counted(len(grades), 'relevant document')} among {len(ranking)} that were retrieved"
        )
        missing = [name for name in grades if name not in present]
        if missing:
            message += f"; missing: {first_names([name[:80] for name in missing], _MOST_NAMED)}"
        return [
            CheckResult(
                passed=None,
                score=measured(measure, ranking, grades, self.k),
                name=self._named(measure),
                message=message,
            )
            for measure in ((self.measure,) if isinstance(self.measure, str) else self.measure)
        ]

    def _named(self, measure: Measure) -> str:
        return measure if self.k is None else f"{measure}@{self.k}"


class Cites(ComparingAssertion):
    """The answer cites documents, and only such as were retrieved or stand in the shared context.

    A citation is a document's id, source, url or title, or its place in what was retrieved, from 1. The score is the
    share of the citations that name one.
    """

    type: Literal["cites"]
    value: Any = ()
    """Documents that must be cited: ids, sources or titles; `{ref: …}` names them."""
    pattern: str = r"\[([^\[\]\n]{1,200})\](?!\()"
    """What a citation looks like; its first group names the document, or several with a comma between."""
    at_least: int = Field(default=1, ge=0)
    """The fewest citations."""

    may_take_long = True
    examples = (
        AssertionExample(
            "{type: cites, value: [d1]}",
            "{answers: ['Returns take 14 days [d1].'], documents: {d1: Returns take 14 days}}",
            "{answers: ['Returns take 14 days [d7].'], documents: {d1: Returns take 14 days}}",
        ),
    )

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return checked_pattern(value)

    @override
    def sees_context(self, suite: SuiteFacts) -> bool:
        return True

    @override
    def check(self, scope: Scope) -> CheckResult:
        retrieved = retrieved_documents(scope)
        names = [_labels(document) for document in (*retrieved, *documents_of_context(scope))]
        places = {str(number): labels for number, labels in enumerate(names[: len(retrieved)], start=1)}
        cited = list(dict.fromkeys(self._citations(scope.text)))
        named = {text: labels for text in cited if (labels := _named_by(text, names) or places.get(text))}
        of_cited = set().union(*named.values())
        unknown = [text for text in cited if text not in named]
        required = (self.value,) if isinstance(self.value, str | int) else self.value
        missing = [str(each) for each in required if normal_text(str(each)) not in of_cited]
        parts = [f"{counted(len(cited), 'citation')}"]
        if unknown:
            parts.append(f"no document is {first_names(unknown, _MOST_NAMED)}")
        if missing:
            parts.append(f"not cited: {first_names(missing, _MOST_NAMED)}")
        passed = not unknown and not missing and len(cited) >= self.at_least
        share = len(named) / len(cited) if cited else float(passed)
        return CheckResult(passed=passed, score=share, message="; ".join(parts))

    def _citations(self, text: str) -> Iterable[str]:
        for match in regex.finditer(self.pattern, text, timeout=_SEARCH_S, concurrent=True):
            inner = match[1] if match.re.groups else match[0]
            for part in re.split(r"[,;]", inner or ""):
                if part.strip():
                    yield part.strip().lstrip("^")


def _grades(value: Any) -> dict[str, float]:
    """By relevant document, its grade: a mapping has them, documents of a list have 1."""
    if isinstance(value, Mapping) and all(isinstance(grade, int | float) for grade in value.values()):
        return {str(name): float(grade) for name, grade in value.items() if grade > 0}
    listed = value if isinstance(value, list | tuple) else [value]
    documents = [document for each in listed for document in documents_in(str(each) if _is_number(each) else each)]
    names: list[str] = [document.id or document.text for document in documents]
    return dict.fromkeys(names, 1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ranking(documents: Sequence[RetrievedDocument], relevant: Collection[str]) -> list[str]:
    """The documents by the names that the reference has for them: the id, or the text; each once."""
    by_text = {normal_text(name).casefold(): name for name in relevant}
    ranking: list[str] = []
    for number, document in enumerate(documents):
        if document.id is not None and document.id in relevant:
            ranking.append(document.id)
        else:
            text = normal_text(document.text).casefold()
            ranking.append(by_text.get(text, document.id or text or f"#{number}"))
    return list(dict.fromkeys(ranking))


def _labels(document: RetrievedDocument) -> frozenset[str]:
    labels = [document.id, *(document.metadata.get(key) for key in _LABELS)]
    return frozenset(normal_text(str(label)) for label in labels if isinstance(label, str | int))


def _named_by(text: str, names: Sequence[frozenset[str]]) -> frozenset[str] | None:
    return next((labels for labels in names if normal_text(text) in labels), None)
