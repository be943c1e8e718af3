"""Write a suite's cases to its dataset on a LangSmith server, so that both are equal.

Two runs may do this at once: ids are computed, so that both write the same, and the second finds it done.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import orjson
from langsmith.utils import LangSmithConflictError, LangSmithError
from requests.exceptions import RequestException

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.datasets import SyncedDataset, VerifiedDataset
from eval_pipeline.langsmith.ids import example_id
from eval_pipeline.langsmith.protocol.jsonable import plain
from eval_pipeline.redaction.identifiers import with_identifiers
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import DatasetOrigin
from eval_pipeline.suite.dataset.example_form import example_fields

_NOT_FOUND, _CONFLICT = 404, 409
_ROUNDS = 3
_PAGE = 100
_DELETED_AT_ONCE = 50
"""Ids are part of the URL."""
_FORM_VERSION = 3
"""Of examples: increased when the same case is to be written in another form."""


def sync_dataset(
    connection: Connection,
    *,
    suite: str,
    cases: Sequence[Case],
    redactor: Redactor,
    dataset_id: UUID | None = None,
    new_id: UUID | None = None,
    description: str | None = None,
    origin: DatasetOrigin | None = None,
    verified: Callable[[UUID], VerifiedDataset | None] = lambda _dataset_id: None,
) -> SyncedDataset:
    """Make the dataset of `suite` hold exactly `cases`.

    Args:
        connection: the server.
        suite: names the dataset.
        cases: what the dataset should hold.
        redactor: applied to every example.
        dataset_id: the id that the dataset must have, if another server gave it one: with tracing to both, a run names
            its example once.
        new_id: the id to create the dataset with: the one that runs refer to since the server was unreachable.
        description: for readers.
        origin: the dataset that the cases came from: on its own server nothing is written, and copies have its ids.
        verified: the last comparison of a dataset. Its examples are listed a hundred at a time, and not again while
            neither they nor the cases change.

    Raises:
        TransientError: the server is unreachable, or fails.
    """
    if origin is not None and is_at(origin, connection):
        return synced_origin(origin)
    origin_ids = {} if origin is None else origin.examples
    synced_id, name = _ensure_dataset(
        connection, suite, dataset_id if origin is None else origin.version.dataset_id, new_id, description
    )
    by_id = {origin_ids.get(case.id) or example_id(synced_id, case.id): case for case in cases}
    hashes = {key: example_hash(case, redactor) for key, case in by_id.items()}
    content = digest(sorted((str(key), hashed) for key, hashed in hashes.items()))
    before, last = _version(connection, synced_id), verified(synced_id)
    synced = SyncedDataset(
        dataset_id=synced_id, name=name, as_of=before, examples=len(by_id), example_ids=origin_ids, verified=last
    )
    if last is not None and (last.as_of, last.content) == (before, content):
        return synced
    written = _write_differences(connection, synced, by_id, hashes, redactor)
    after = _version(connection, synced_id)
    compared = VerifiedDataset(as_of=after, content=content) if after is not None and after == before else None
    return replace(synced, as_of=after, verified=compared, **written)


def is_at(origin: DatasetOrigin, connection: Connection) -> bool:
    """Whether the dataset that cases came from is on this server."""
    return origin.version.server == connection.destination.api_url


def synced_origin(origin: DatasetOrigin) -> SyncedDataset:
    """The dataset that cases came from, on its own server, where nothing is to be written."""
    return SyncedDataset(
        dataset_id=origin.version.dataset_id,
        name=origin.version.name,
        as_of=origin.version.as_of,
        examples=len(origin.examples),
        example_ids=origin.examples,
    )


def example_hash(case: Case, redactor: Redactor) -> str:
    """A hash of everything an example depends on: the case, the form it is written in, and the redaction."""
    return digest(_FORM_VERSION, case.content_hash(), redactor.identity)


def example_of(case: Case, identity: UUID, redactor: Redactor) -> dict[str, Any]:
    """The example of a case, redacted; `sync_hash` marks it as written by this project."""
    example = example_fields(case)
    example["metadata"]["sync_hash"] = example_hash(case, redactor)
    # Most have nothing to redact, which a look at the whole finds out in a tenth of the time.
    if not redactor.leaves(example):
        redacted = {name: redactor.value(value) for name, value in example.items()}
        metadata = with_identifiers(example["metadata"], redacted["metadata"])
        example = {**redacted, "metadata": metadata}
    try:
        orjson.dumps(example)
    except TypeError:  # an integer beyond 64 bits, for which no server takes the example
        example = plain(example)
    return {"id": identity, **example}


def _write_differences(
    connection: Connection,
    dataset: SyncedDataset,
    by_id: Mapping[UUID, Case],
    hashes: Mapping[UUID, str],
    redactor: Redactor,
) -> dict[str, Any]:
    """Create, update and delete examples until the dataset holds `by_id`; how many of each."""
    dataset_id = dataset.dataset_id
    written: dict[str, Any] = {"created": 0, "updated": 0, "deleted": 0}
    for _ in range(_ROUNDS):
        present = _hashes(connection, dataset_id)
        missing = [key for key in by_id if key not in present]
        stale = [key for key in by_id if key in present and present[key] != hashes[key]]
        # Examples that people added to the dataset by hand stay: only what this project wrote is deleted.
        gone = [key for key, hashed in present.items() if key not in by_id and hashed is not None]
        if not (missing or stale or gone):
            return written
        try:
            _write(connection, dataset_id, [example_of(by_id[key], key, redactor) for key in missing], new=True)
            written["created"] += len(missing)
            _write(connection, dataset_id, [example_of(by_id[key], key, redactor) for key in stale], new=False)
            written["updated"] += len(stale)
            written["deleted"] += _delete(connection, gone)
        except LangSmithConflictError:
            # Another run writes the same; compare again with what is there by now.
            continue
        except (LangSmithError, RequestException) as error:
            # Uploads of examples raise errors of a broken connection as they are.
            raise connection.unavailable(f"the dataset {dataset.name!r} cannot be written") from error
        return written
    raise connection.unavailable(f"the dataset {dataset.name!r} is being changed by other processes all the time")


def _ensure_dataset(
    connection: Connection, name: str, required_id: UUID | None, new_id: UUID | None, description: str | None
) -> tuple[UUID, str]:
    """Find the dataset or create it; its id and name."""
    present_id = _named(connection, name)
    if present_id is None:
        identity = str(required_id or new_id or uuid4())
        body = {"id": identity, "name": name, "description": description, "data_type": "kv"}
        response = connection.json(
            "POST", "/datasets", {key: value for key, value in body.items() if value is not None}
        )
        if response.ok:
            return UUID(str(response.json()["id"])), name
        if response.status != _CONFLICT:
            raise connection.unavailable(f"the dataset {name!r} cannot be created: {response.text}")
        present_id = _named(connection, name)
        if present_id is None and new_id is not None:
            # The dataset of that id has another name by now.
            return _ensure_dataset(connection, name, required_id, None, description)
        if present_id is None:
            message = f"the dataset {name!r} is neither there nor can it be created: {response.text}"
            raise connection.unavailable(message)
    if required_id is not None and present_id != required_id:
        # Created earlier with an id of this server. Rows can only refer to a dataset of the required id.
        return _ensure_dataset(connection, f"{name} ({required_id.hex[:8]})", required_id, None, description)
    return present_id, name


def _named(connection: Connection, name: str) -> UUID | None:
    response = connection.json("GET", "/datasets", name=name, limit=1)
    if not response.ok:
        raise connection.unavailable(f"the dataset {name!r} cannot be looked up: {response.text}")
    datasets = response.json()
    return UUID(str(datasets[0]["id"])) if datasets else None


def _hashes(connection: Connection, dataset_id: UUID) -> dict[UUID, str | None]:
    """By example, its `sync_hash`; None for one that was not written by this project."""
    hashes: dict[UUID, str | None] = {}
    while True:
        offset = len(hashes)
        response = connection.json(
            "GET", "/examples", dataset=str(dataset_id), offset=offset, limit=_PAGE, select=["id", "metadata"]
        )
        if not response.ok:
            raise connection.unavailable(f"the examples cannot be listed: {response.text}")
        page = response.json()
        for example in page:
            hashes[UUID(str(example["id"]))] = (example.get("metadata") or {}).get("sync_hash")
        if len(page) < _PAGE or len(hashes) == offset:
            return hashes


def _write(connection: Connection, dataset_id: UUID, examples: list[dict[str, Any]], *, new: bool) -> None:
    for batch in _batches(examples):
        if new:
            # The SDK calls the same thing `reference_outputs` here and `outputs` below.
            renamed = [
                {("reference_outputs" if key == "outputs" else key): value for key, value in example.items()}
                for example in batch
            ]
            connection.client.create_examples(dataset_id=dataset_id, examples=renamed)
        else:
            connection.client.update_examples(dataset_id=dataset_id, updates=batch)


def _delete(connection: Connection, identities: list[UUID]) -> int:
    for start in range(0, len(identities), _DELETED_AT_ONCE):
        connection.client.delete_examples(identities[start : start + _DELETED_AT_ONCE])
    return len(identities)


def _version(connection: Connection, dataset_id: UUID) -> dt.datetime | None:
    """The newest version; None if there is none yet."""
    response = connection.json("GET", f"/datasets/{dataset_id}/version", tag="latest")
    if response.status == _NOT_FOUND:
        return None
    if not response.ok:
        raise connection.unavailable(f"the dataset's version cannot be read: {response.text}")
    return dt.datetime.fromisoformat(response.json()["as_of"])


def _batches(examples: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(examples)
    while batch := list(islice(iterator, _PAGE)):
        yield batch
