"""Datasets as the store keeps them: reading their cases back.

Belongs here: that reading. Does not belong here: gathering cases from their sources (`dataset.py`).
"""

from collections.abc import Container, Mapping

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.store.layout import cases_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset import cases_of_table


def stored_cases(store: Store, suite: str, version: str, wanted: Container[str] | None = None) -> list[Case]:
    """The cases of a dataset, or those of them that are `wanted`, sorted by id.

    Raises:
        CorruptDataError: the dataset is not there, or cannot be read.
    """
    key = cases_key(suite, version)
    table = store.get_table(key)
    if table is None:
        raise CorruptDataError(f"{store.uri(key)} is gone", fix="materialize test_cases again, which writes it anew")
    if wanted is not None:
        table = table.filter([case_id in wanted for case_id in table.column("case_id").to_pylist()])
    return cases_of_table(table)


def stored_hashes(store: Store, suite: str, version: str) -> Mapping[str, str] | None:
    """The content hash of each case of a dataset, by id; None if the dataset is not there."""
    table = store.get_table(cases_key(suite, version), ["case_id", "content_hash"])
    if table is None:
        return None
    return dict(zip(table.column("case_id").to_pylist(), table.column("content_hash").to_pylist(), strict=True))
