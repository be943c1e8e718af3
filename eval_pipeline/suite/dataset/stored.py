"""Store datasets, and read their cases.

Stored cases are redacted. A case in which something was redacted is evaluated from the suite's files, which must not
have changed: its hash is stored.
"""

import json
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from pydantic import ValidationError

from eval_pipeline.errors import CorruptDataError, ExperimentConflictError
from eval_pipeline.store.layout import cases_key, origin_key
from eval_pipeline.store.parquet import parquet_of_batches
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import (
    CASES_SCHEMA,
    ROWS_AT_ONCE,
    Dataset,
    DatasetOrigin,
    cases_of_batches,
    cases_of_table,
)
from eval_pipeline.suite.dataset.load import load_cases
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.case_source import CaseSource, LangSmithDataset
from eval_pipeline.suite.spec.simulation import Simulation
from eval_pipeline.suite.suite import Suite

_ROWS_PER_GROUP = 1_000
"""Cases of a row group: a worker reads the groups of its own cases, not a dataset of a million."""


class CaseFacts(Protocol):
    """The parts of a case that results are grouped and compared by; of a case, or of a stored one."""

    @property
    def id(self) -> str:
        """The case's id."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its metadata."""

    def content_hash(self) -> str:
        """Changes when the case does."""


@dataclass(frozen=True, kw_only=True)
class StoredCase:
    """A case as it is stored, redacted, with the hash of the case as it is written."""

    id: str
    metadata: Mapping[str, Any]
    written_hash: str

    def content_hash(self) -> str:
        """Changes when the case does."""
        return self.written_hash


class Fingerprinted(Protocol):
    """The parts of a case that fingerprints are computed from."""

    @property
    def id(self) -> str:
        """The case's id."""

    @property
    def every_assertion(self) -> Sequence[Assertion]:
        """All its assertions."""

    @property
    def simulation(self) -> Simulation | None:
        """The simulated user."""

    def content_hash(self) -> str:
        """Changes when the case does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainCase:
    """A case without assertions and simulated user: its fingerprint needs only its hash."""

    id: str
    written_hash: str
    every_assertion: tuple[Assertion, ...] = ()
    simulation: None = None

    def content_hash(self) -> str:
        """Changes when the case does."""
        return self.written_hash


def store_dataset(store: Store, suite: str, dataset: Dataset) -> None:
    """Store a dataset under its version."""
    if dataset.origin is not None:
        store.put_if_absent(origin_key(suite, dataset.version), dataset.origin.model_dump_json().encode())
    # After the origin: a reader that finds the cases finds their origin too.
    batches = dataset.batches(_ROWS_PER_GROUP)
    store.put(cases_key(suite, dataset.version), parquet_of_batches(batches, CASES_SCHEMA))


def stored_origin(store: Store, suite: str, version: str) -> DatasetOrigin | None:
    """The LangSmith dataset that the cases of a stored dataset were loaded from; None if there is none.

    Raises:
        CorruptDataError: the stored origin cannot be read.
    """
    key = origin_key(suite, version)
    data = store.get(key)
    try:
        return None if data is None else DatasetOrigin.model_validate_json(data)
    except ValidationError as error:
        fix = "delete it, and materialize test_cases again, which rewrites it"
        raise CorruptDataError(f"{store.uri(key)} cannot be read: {error}", fix=fix) from error


def stored_cases(store: Store, suite: str, version: str, case_ids: Collection[str] | None = None) -> list[StoredCase]:
    """The stored cases of a dataset, all or those of `case_ids`, sorted by id; redacted, for display.

    Raises:
        CorruptDataError: the dataset is missing, or cannot be read.
    """
    table = _table(store, suite, version, case_ids)
    columns = (table.column(name).to_pylist() for name in ("case_id", "content", "content_hash"))
    return [
        StoredCase(id=case_id, metadata=json.loads(content).get("metadata", {}), written_hash=written)
        for case_id, content, written in zip(*columns, strict=True)
    ]


def stored_examples(store: Store, suite: str, version: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """The id, inputs and reference of each stored case of a dataset, redacted, for display.

    Raises:
        CorruptDataError: the dataset is missing, or cannot be read.
    """
    for content in _table(store, suite, version).column("content").to_pylist():
        case = Case.model_validate_json(content)
        yield case.id, case.example_inputs(), case.reference


def written_cases(
    store: Store, suite: Suite, version: str, case_ids: Collection[str] | None = None, *, excluded: Container[str] = ()
) -> list[Case]:
    """The cases of a dataset, all or those of `case_ids`, without `excluded`, sorted by id; unredacted, for evaluation.

    Raises:
        CorruptDataError: the dataset is missing, or cannot be read.
        ExperimentConflictError: something was redacted in a stored case, and the suite's files have changed since.
    """
    if case_ids is None and not excluded:
        batches = store.get_batches(cases_key(suite.name, version), ROWS_AT_ONCE)
        cases = cases_of_table(_table(store, suite.name, version)) if batches is None else cases_of_batches(batches)
    else:
        table = _table(store, suite.name, version, case_ids)
        if excluded:
            table = table.filter([case_id not in excluded for case_id in table.column("case_id").to_pylist()])
        cases = cases_of_table(table)
    missing = [case_id for case_id, case in cases.items() if case is None]
    if missing:
        hashes = stored_hashes(store, suite.name, version) or {}
        sources = _sources(suite, stored_origin(store, suite.name, version))
        cases |= {case.id: case for case in _written(suite, sources, {case_id: hashes[case_id] for case_id in missing})}
    return [case for case in cases.values() if case is not None]


def fingerprinted_cases(store: Store, suite: Suite, version: str) -> Iterator[Fingerprinted]:
    """The cases of a dataset for computing fingerprints, in no order. Most are not parsed: only their text is searched.

    Raises:
        CorruptDataError, ExperimentConflictError: as `written_cases`.
    """
    table = _table(store, suite.name, version)
    columns = (table.column(name).to_pylist() for name in ("case_id", "content", "content_hash"))
    rest = set()
    for case_id, content, written in zip(*columns, strict=True):
        # Canonical JSON has no space after a key, and within a text the quotes would be escaped.
        if '"assertions":' in content or '"simulation":' in content:
            rest.add(case_id)
        else:
            yield PlainCase(id=case_id, written_hash=written)
    if rest:
        yield from written_cases(store, suite, version, rest)


def _table(store: Store, suite: str, version: str, case_ids: Collection[str] | None = None) -> pa.Table:
    key = cases_key(suite, version)
    table = store.get_table(key) if case_ids is None else store.get_rows(key, "case_id", case_ids)
    if table is None:
        raise CorruptDataError(f"{store.uri(key)} is missing", fix="materialize test_cases again, which rewrites it")
    return table


def stored_hashes(store: Store, suite: str, version: str) -> Mapping[str, str] | None:
    """The content hash of each case of a dataset, by id; None if there is no such dataset."""
    table = store.get_table(cases_key(suite, version), ["case_id", "content_hash"])
    if table is None:
        return None
    return dict(zip(table.column("case_id").to_pylist(), table.column("content_hash").to_pylist(), strict=True))


def _sources(suite: Suite, origin: DatasetOrigin | None) -> list[CaseSource]:
    """The sources of the cases of `suite`; LangSmith datasets in the version that was read."""
    return [
        source.model_copy(update={"as_of": origin.version.as_of.isoformat()})
        if origin is not None and isinstance(source, LangSmithDataset)
        else source
        for source in suite.spec.cases
    ]


def _written(suite: Suite, sources: Sequence[CaseSource], hashes: dict[str, str]) -> Sequence[Case]:
    """The cases with these ids and hashes, loaded from their sources again."""
    cases, _ = load_cases(sources, suite)
    unchanged = [case for case in cases if case.content_hash() == hashes.get(case.id)]
    missing = sorted(hashes.keys() - {case.id for case in unchanged})
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ExperimentConflictError(
            f"case {missing[0]!r}{more} holds personal data or secrets, which are not stored, and the suite's files "
            "have changed since the dataset of this run was stored",
            fix="launch a new run of the whole job, which evaluates the cases as they are now",
        )
    return unchanged
