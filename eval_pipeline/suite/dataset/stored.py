"""Datasets as the store keeps them: what they say of cases, and the cases themselves, as they are written.

What redaction took out of a case is not in the store. To be evaluated, such a case is read from the suite's files
again, which must still say what they said: its hash is stored.
"""

import json
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from pydantic import ValidationError

from eval_pipeline.errors import CorruptDataError, ExperimentConflictError
from eval_pipeline.store.layout import cases_key, origin_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import Dataset, cases_of_table
from eval_pipeline.suite.dataset.load import load_cases
from eval_pipeline.suite.dataset.origin import DatasetOrigin
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.case_source import CaseSource, LangSmithDataset
from eval_pipeline.suite.spec.simulation import Simulation
from eval_pipeline.suite.suite import Suite

_ROWS_PER_GROUP = 1_000
"""Cases that are read together: a worker reads those around its own, not a dataset of a million."""


class CaseFacts(Protocol):
    """What results are grouped and compared by: of a case, or of what is stored of it."""

    @property
    def id(self) -> str:
        """The case's id."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What its author says of it."""

    def content_hash(self) -> str:
        """Changes when the case does."""


@dataclass(frozen=True, kw_only=True)
class StoredCase:
    """What is stored of a case, redacted; its hash is that of the case as it is written."""

    id: str
    metadata: Mapping[str, Any]
    written_hash: str

    def content_hash(self) -> str:
        """Changes when the case does."""
        return self.written_hash


class Fingerprinted(Protocol):
    """What a fingerprint needs of a case."""

    @property
    def id(self) -> str:
        """The case's id."""

    @property
    def every_assertion(self) -> Sequence[Assertion]:
        """Its own."""

    @property
    def simulation(self) -> Simulation | None:
        """Who plays its user."""

    def content_hash(self) -> str:
        """Changes when the case does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainCase:
    """A case with neither assertions of its own nor a simulated user: its hash says all that a fingerprint needs."""

    id: str
    written_hash: str
    every_assertion: tuple[Assertion, ...] = ()
    simulation: None = None

    def content_hash(self) -> str:
        """Changes when the case does."""
        return self.written_hash


def store_dataset(store: Store, suite: str, dataset: Dataset) -> None:
    """Keep a dataset under its version."""
    if dataset.origin is not None:
        store.put_if_absent(origin_key(suite, dataset.version), dataset.origin.model_dump_json().encode())
    # Last: whoever finds the cases finds where they came from.
    store.put_table(cases_key(suite, dataset.version), dataset.to_table(), rows_per_group=_ROWS_PER_GROUP)


def stored_origin(store: Store, suite: str, version: str) -> DatasetOrigin | None:
    """The dataset on LangSmith that the cases of a dataset came from; None if they did not come from one.

    Raises:
        CorruptDataError: what is stored of it cannot be read.
    """
    key = origin_key(suite, version)
    found = store.get(key)
    try:
        return None if found is None else DatasetOrigin.model_validate_json(found)
    except ValidationError as error:
        fix = "delete it and materialize test_cases again, which writes it anew"
        raise CorruptDataError(f"{store.uri(key)} cannot be read: {error}", fix=fix) from error


def stored_cases(store: Store, suite: str, version: str, wanted: Collection[str] | None = None) -> list[StoredCase]:
    """What is stored of the cases of a dataset, or of those that are `wanted`, sorted by id: for whatever is shown.

    Raises:
        CorruptDataError: the dataset is not there, or cannot be read.
    """
    table = _table(store, suite, version, wanted)
    columns = (table.column(name).to_pylist() for name in ("case_id", "content", "content_hash"))
    return [
        StoredCase(id=case_id, metadata=json.loads(content).get("metadata", {}), written_hash=written)
        for case_id, content, written in zip(*columns, strict=True)
    ]


def written_cases(
    store: Store, suite: Suite, version: str, wanted: Collection[str] | None = None, *, but: Container[str] = ()
) -> list[Case]:
    """The cases of a dataset, or those of them that are `wanted`, `but` some, sorted by id: what is evaluated.

    Raises:
        CorruptDataError: the dataset is not there, or cannot be read.
        ExperimentConflictError: something was taken out of a case before it was stored, and the suite's files do not
            say any more what they said.
    """
    table = _table(store, suite.name, version, wanted)
    if but:
        table = table.filter([case_id not in but for case_id in table.column("case_id").to_pylist()])
    found = cases_of_table(table)
    missing = [case_id for case_id, case in found.items() if case is None]
    if missing:
        hashes = dict(zip(table.column("case_id").to_pylist(), table.column("content_hash").to_pylist(), strict=True))
        sources = _sources(suite, stored_origin(store, suite.name, version))
        found |= {case.id: case for case in _written(suite, sources, {case_id: hashes[case_id] for case_id in missing})}
    return [case for case in found.values() if case is not None]


def fingerprinted_cases(store: Store, suite: Suite, version: str) -> Iterator[Fingerprinted]:
    """What fingerprints need of the cases of a dataset, in no order; most are told from their text, not parsed.

    Raises:
        CorruptDataError, ExperimentConflictError: as `written_cases`.
    """
    table = _table(store, suite.name, version)
    columns = (table.column(name).to_pylist() for name in ("case_id", "content", "content_hash"))
    rest = set()
    for case_id, content, written in zip(*columns, strict=True):
        # Canonical JSON has no space there, and within a text the quotes would be escaped.
        if '"assertions":' in content or '"simulation":' in content:
            rest.add(case_id)
        else:
            yield PlainCase(id=case_id, written_hash=written)
    if rest:
        yield from written_cases(store, suite, version, rest)


def _table(store: Store, suite: str, version: str, wanted: Collection[str] | None = None) -> pa.Table:
    key = cases_key(suite, version)
    table = store.get_table(key) if wanted is None else store.get_rows(key, "case_id", wanted)
    if table is None:
        raise CorruptDataError(f"{store.uri(key)} is gone", fix="materialize test_cases again, which writes it anew")
    return table


def stored_hashes(store: Store, suite: str, version: str) -> Mapping[str, str] | None:
    """The content hash of each case of a dataset, by id; None if the dataset is not there."""
    table = store.get_table(cases_key(suite, version), ["case_id", "content_hash"])
    if table is None:
        return None
    return dict(zip(table.column("case_id").to_pylist(), table.column("content_hash").to_pylist(), strict=True))


def _sources(suite: Suite, origin: DatasetOrigin | None) -> list[CaseSource]:
    """Where the cases of `suite` are; those of a dataset on LangSmith in the version that was read."""
    return [
        source.model_copy(update={"as_of": origin.version.as_of.isoformat()})
        if origin is not None and isinstance(source, LangSmithDataset)
        else source
        for source in suite.spec.cases
    ]


def _written(suite: Suite, sources: Sequence[CaseSource], hashes: dict[str, str]) -> Sequence[Case]:
    """The cases with these ids and hashes, from where they were read before."""
    cases, _ = load_cases(sources, suite)
    found = [case for case in cases if case.content_hash() == hashes.get(case.id)]
    missing = sorted(hashes.keys() - {case.id for case in found})
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ExperimentConflictError(
            f"case {missing[0]!r}{more} holds personal data or secrets, which are not stored, and the files of the "
            "suite say something else by now than the dataset that this run evaluates",
            fix="launch a new run of the whole job, which takes the cases as they are now",
        )
    return found
