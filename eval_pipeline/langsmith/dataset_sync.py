"""Keeping the dataset of a suite on a LangSmith server equal to its cases.

Two runs may do this at once: ids are worked out, so that both want the same, and whoever comes second finds it done.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

from langsmith.utils import LangSmithConflictError, LangSmithError
from pydantic import BaseModel
from requests.exceptions import RequestException

from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.client import Connection
from eval_pipeline.langsmith.ids import example_id
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.example_form import example_fields
from eval_pipeline.suite.dataset.origin import DatasetOrigin

_NOT_FOUND, _THERE = 404, 409
_ROUNDS = 3
_PAGE = 100
_DELETED_AT_ONCE = 50
"""Ids stand in the URL."""
_FORM = 2
"""Of examples: counted up when the same case is to be written in another way."""


class VerifiedDataset(BaseModel, frozen=True):
    """That a dataset was looked through, and held what it was to hold. Every write to it makes another version."""

    as_of: dt.datetime
    """The version that was looked through."""
    content: str
    """A hash of what it was to hold, and does."""


@dataclass(frozen=True, kw_only=True)
class SyncedDataset:
    """The dataset as it stands on the server."""

    dataset_id: UUID
    name: str
    as_of: dt.datetime | None
    """Its version; None while the server is away, or there is none yet."""
    created: int = 0
    updated: int = 0
    deleted: int = 0
    examples: int = 0
    example_ids: Mapping[str, UUID] = field(default_factory=dict)
    """By case id, of those that came from a dataset; of others they are worked out."""
    verified: VerifiedDataset | None = None
    """Spares the next comparison; None if something was written, by us or by others meanwhile."""

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.created or self.updated or self.deleted)


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
        cases: what it is to hold.
        redactor: asked of every example.
        dataset_id: the id it must have, where another server gave it one: with tracing to both, a run names its
            example once.
        new_id: the id to make it with, if it has to be made: what runs were told while the server was away.
        description: for people.
        origin: the dataset that the cases came from: nothing is written where that is, and copies have its ids.
        verified: what was found out of a dataset when it was last compared. Its examples are listed a hundred at a
            time, and not again while neither they nor the cases change.

    Raises:
        TransientError: the server is away, or fails.
    """
    if origin is not None and is_at(origin, connection):
        return synced_origin(origin)
    examples = {} if origin is None else origin.examples
    wanted_id = dataset_id if origin is None else origin.version.dataset_id
    found_id, name = _ensure_dataset(connection, suite, wanted_id, new_id, description)
    wanted = {examples.get(case.id) or example_id(found_id, case.id): case for case in cases}
    written: dict[str, Any] = {"created": 0, "updated": 0, "deleted": 0}
    hashes = {key: example_hash(case, redactor) for key, case in wanted.items()}
    content = digest(sorted((str(key), hashed) for key, hashed in hashes.items()))
    before, known = _version(connection, found_id), verified(found_id)
    found = SyncedDataset(
        dataset_id=found_id, name=name, as_of=before, examples=len(wanted), example_ids=examples, verified=known
    )
    if known is not None and (known.as_of, known.content) == (before, content):
        return found
    for _ in range(_ROUNDS):
        there = _hashes(connection, found_id)
        missing = [key for key in wanted if key not in there]
        stale = [key for key in wanted if key in there and there[key] != hashes[key]]
        # What people added to the dataset by hand is theirs: only what came from here goes.
        gone = [key for key, hashed in there.items() if key not in wanted and hashed is not None]
        if not (missing or stale or gone):
            break
        try:
            _write(connection, found_id, [example_of(wanted[key], key, redactor) for key in missing], new=True)
            written["created"] += len(missing)
            _write(connection, found_id, [example_of(wanted[key], key, redactor) for key in stale], new=False)
            written["updated"] += len(stale)
            written["deleted"] += _delete(connection, gone)
            break
        except LangSmithConflictError:
            # Another run writes the same. What is there by now is compared again.
            continue
        except (LangSmithError, RequestException) as error:
            # Uploads of examples let a broken connection through as it is.
            raise _away(connection, f"the dataset {name!r} cannot be written") from error
    else:
        raise _away(connection, f"the dataset {name!r} is being changed by somebody else all the time")
    after = _version(connection, found_id)
    compared = VerifiedDataset(as_of=after, content=content) if after is not None and after == before else None
    return replace(found, as_of=after, verified=compared, **written)


def is_at(origin: DatasetOrigin, connection: Connection) -> bool:
    """Whether the dataset that cases came from is on this server."""
    return origin.version.server == connection.destination.api_url


def synced_origin(origin: DatasetOrigin) -> SyncedDataset:
    """The dataset that cases came from, on its own server, where it is as it should be."""
    return SyncedDataset(
        dataset_id=origin.version.dataset_id,
        name=origin.version.name,
        as_of=origin.version.as_of,
        examples=len(origin.examples),
        example_ids=origin.examples,
    )


def example_hash(case: Case, redactor: Redactor) -> str:
    """What an example hangs on: the case, how it is written, and what is taken out of it."""
    return digest(_FORM, case.content_hash(), redactor.identity)


def example_of(case: Case, identity: UUID, redactor: Redactor) -> dict[str, Any]:
    """The example of a case, redacted; `sync_hash` says that it was written here, and of what."""
    found = example_fields(case)
    found["metadata"]["sync_hash"] = example_hash(case, redactor)
    # Most have nothing, which a look at the whole tells in a tenth of the time.
    shown = found if redactor.leaves(found) else {name: redactor.value(value) for name, value in found.items()}
    return {"id": identity, **shown}


def _ensure_dataset(
    connection: Connection, name: str, wanted: UUID | None, new_id: UUID | None, description: str | None
) -> tuple[UUID, str]:
    found = _named(connection, name)
    if found is None:
        body = {"id": str(wanted or new_id or uuid4()), "name": name, "description": description, "data_type": "kv"}
        answer = connection.json("POST", "/datasets", {key: value for key, value in body.items() if value is not None})
        if answer.ok:
            return UUID(str(answer.json()["id"])), name
        if answer.status != _THERE:
            raise _away(connection, f"the dataset {name!r} cannot be created: {answer.text}")
        found = _named(connection, name)
        if found is None and new_id is not None:
            # The dataset of that id goes by another name by now.
            return _ensure_dataset(connection, name, wanted, None, description)
        if found is None:
            raise _away(connection, f"the dataset {name!r} is neither there nor can it be created: {answer.text}")
    if wanted is not None and found != wanted:
        # Made here on its own, earlier. Rows can only be joined to a dataset of the wanted id.
        return _ensure_dataset(connection, f"{name} ({wanted.hex[:8]})", wanted, None, description)
    return found, name


def _named(connection: Connection, name: str) -> UUID | None:
    answer = connection.json("GET", "/datasets", name=name, limit=1)
    if not answer.ok:
        raise _away(connection, f"the dataset {name!r} cannot be looked up: {answer.text}")
    found = answer.json()
    return UUID(str(found[0]["id"])) if found else None


def _hashes(connection: Connection, dataset_id: UUID) -> dict[UUID, str | None]:
    """By example, what it hung on when it was written from here; None for one that was not."""
    found: dict[UUID, str | None] = {}
    while True:
        offset = len(found)
        answer = connection.json(
            "GET", "/examples", dataset=str(dataset_id), offset=offset, limit=_PAGE, select=["id", "metadata"]
        )
        if not answer.ok:
            raise _away(connection, f"the examples cannot be listed: {answer.text}")
        page = answer.json()
        for example in page:
            found[UUID(str(example["id"]))] = (example.get("metadata") or {}).get("sync_hash")
        if len(page) < _PAGE or len(found) == offset:
            return found


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
    answer = connection.json("GET", f"/datasets/{dataset_id}/version", tag="latest")
    if answer.status == _NOT_FOUND:
        return None
    if not answer.ok:
        raise _away(connection, f"the dataset's version cannot be read: {answer.text}")
    return dt.datetime.fromisoformat(answer.json()["as_of"])


def _batches(examples: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(examples)
    while batch := list(islice(iterator, _PAGE)):
        yield batch


def _away(connection: Connection, what: str) -> TransientError:
    where = connection.destination.api_url
    return TransientError(f"{where}: {what}", fix="try again; the evaluation itself does not need it")
