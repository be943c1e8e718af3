"""Examples and their history: every write adds a version of the dataset, and every version stays readable."""

import sqlite3
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jsonschema
import orjson
from referencing import Registry

from eval_pipeline.langsmith.protocol.error_responses import conflict, not_found, unprocessable
from eval_pipeline.recorder.store.codec import from_us, pack, to_us, unpack
from eval_pipeline.recorder.store.database import Conditions, Database
from eval_pipeline.recorder.store.datasets import STILL_VALID, DatasetStore
from eval_pipeline.recorder.store.selecting import (
    containing_texts,
    filtered_examples,
    holds_metadata,
    ordered_examples,
)
from eval_pipeline.recorder.store.transformations import ExampleSource, transformed

_SPLIT = "dataset_split"
_BODY_FIELDS = ("inputs", "outputs", "metadata", "source_run_id")


class ExampleStore:
    """The table `examples`."""

    def __init__(self, database: Database, datasets: DatasetStore) -> None:
        self._database = database
        self._datasets = datasets

    def create(self, dataset_id: str, bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Create examples in one new version. The client chooses the ids.

        Returns `{"count", "example_ids", "as_of"}`.

        Raises:
            ErrorResponse: 404 for the dataset, 409 for an id that exists (also in another dataset), 422 without inputs.
        """
        self._datasets.get(dataset_id)
        with self._database.transaction():
            version = self._datasets.new_version(dataset_id)
            row = self._database.row(
                "SELECT coalesce(max(position), 0) + 1 AS next FROM examples WHERE dataset_id = ?", (dataset_id,)
            )
            first = row["next"] if row else 1
            ids = [self._create(dataset_id, body, version, first + index) for index, body in enumerate(bodies)]
        return {"count": len(ids), "example_ids": ids, "as_of": from_us(version)}

    def _create(self, dataset_id: str, body: dict[str, Any], version: int, position: int) -> str:
        identity = str(body.get("id") or uuid.uuid4()).lower()
        if self._current(identity) is not None:
            raise conflict(f"Example with id {identity} already exists")
        if body.get("use_source_run_io") is True:
            body = {**body, **self._source(str(body.get("source_run_id")))}
        if body.get("use_source_run_attachments"):
            self._take_attachments(identity, str(body.get("source_run_id")), body["use_source_run_attachments"])
        if not isinstance(body.get("inputs"), dict):
            raise unprocessable(f"example {identity}: inputs: Input should be a valid dictionary")
        created = to_us(body.get("created_at"))
        created = version if created is None else created
        body = self._checked(dataset_id, identity, body)
        self._insert(identity, dataset_id, version, created, position, _body(body, {}))
        return identity

    def _source(self, run_id: str) -> dict[str, Any]:
        row = self._database.row("SELECT inputs, outputs FROM payloads WHERE run_id = ?", (run_id.lower(),))
        if row is None:
            raise not_found(f"Run {run_id}")
        return {"inputs": unpack(row["inputs"]) or {}, "outputs": unpack(row["outputs"])}

    def _take_attachments(self, identity: str, run_id: str, names: Any) -> None:
        """Copy attachments of a run: those that are named."""
        for name in names if isinstance(names, list) else []:
            with self._database.transaction() as connection:
                copied = connection.execute(
                    "INSERT OR REPLACE INTO attachments SELECT ?, name, content_type, data FROM attachments "
                    "WHERE owner_id = ? AND name = ?",
                    (identity, run_id.lower(), str(name)),
                )
            if copied.rowcount == 0:
                raise not_found(f"Attachment {name!r} of run {run_id}")

    def _checked(self, dataset_id: str, identity: str, body: dict[str, Any]) -> dict[str, Any]:
        """The example as its dataset transforms it, refused where the dataset's schemas do not accept it."""
        dataset = self._datasets.get(dataset_id)
        schemas = {name: dataset.get(f"{name}_schema_definition") for name in ("inputs", "outputs")}
        if dataset["transformations"]:
            tools = self._tools_of(body.get("source_run_id"))
            sources = {name: ExampleSource(schema=schema, tools=tools) for name, schema in schemas.items()}
            body = transformed(body, dataset["transformations"], sources)
        for name, schema in schemas.items():
            value = body.get(name)
            if not schema or value is None:
                continue
            kind: Any = jsonschema.validators.validator_for(schema)
            mistake = jsonschema.exceptions.best_match(kind(schema, registry=Registry()).iter_errors(value))
            if mistake is not None:
                raise unprocessable(f"example {identity}: {name}: {mistake.json_path}: {mistake.message}")
        return body

    def _tools_of(self, run_id: Any) -> Any:
        row = self._database.row("SELECT extra FROM payloads WHERE run_id = ?", (str(run_id).lower(),))
        extra = unpack(row["extra"]) if row else None
        parameters = extra.get("invocation_params") if isinstance(extra, dict) else None
        return parameters.get("tools") if isinstance(parameters, dict) else None

    def keep_attachments(self, identity: str, operations: Any, new: Collection[str] = ()) -> None:
        """Rename attachments and retain others; those that are neither renamed nor retained are removed.

        Args:
            identity: the example.
            operations: `{"rename": {old: new}, "retain": [name…]}`.
            new: names of the attachments that the same request adds, which replace those of their names.

        Raises:
            ErrorResponse: 422 for a name that is both renamed and retained, that two files would have, or that no
                file has.
        """
        if operations is None and not new:
            return
        if not isinstance(operations, dict | None):
            raise unprocessable(f"example {identity}: attachments_operations: Input should be a valid dictionary")
        renamed, retained = _operations(identity, operations or {})
        rows = self._database.rows("SELECT * FROM attachments WHERE owner_id = ?", (identity,))
        if missing := sorted({*renamed, *retained} - {row["name"] for row in rows}):
            raise unprocessable(f"example {identity}: it has no attachment {', '.join(map(repr, missing))}")
        names = [*renamed.values(), *retained]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise unprocessable(f"example {identity}: two attachments would be named {', '.join(map(repr, twice))}")
        kept = [
            (identity, renamed.get(row["name"], row["name"]), row["content_type"], row["data"])
            for row in rows
            if row["name"] in renamed or row["name"] in retained
        ]
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM attachments WHERE owner_id = ?", (identity,))
            connection.executemany("INSERT INTO attachments VALUES (?, ?, ?, ?)", kept)

    def update(
        self,
        dataset_id: str | None,
        changes: Sequence[dict[str, Any]],
        *,
        new_attachments: Mapping[str, Collection[str]] | None = None,
    ) -> dict[str, Any]:
        """Change examples in one new version; fields that are absent or None keep their values.

        `new_attachments` are the names of those that the same request adds, by example.

        Raises:
            ErrorResponse: 404 for an example that does not exist, 409 for one of another dataset, 422 for one that the
                dataset's schemas do not accept.
        """
        with self._database.transaction() as connection:
            rows = [self._require(str(change.get("id")), dataset_id) for change in changes]
            versions = {row["dataset_id"]: self._datasets.new_version(row["dataset_id"]) for row in rows}
            for row, change in zip(rows, changes, strict=True):
                version = versions[row["dataset_id"]]
                connection.execute(
                    "UPDATE examples SET valid_to = ? WHERE id = ? AND valid_to = ?", (version, row["id"], STILL_VALID)
                )
                body = _body(self._checked(row["dataset_id"], row["id"], change), unpack(row["body"]))
                added = (new_attachments or {}).get(row["id"], ())
                self.keep_attachments(row["id"], change.get("attachments_operations"), added)
                self._insert(row["id"], row["dataset_id"], version, row["created_us"], row["position"], body)
        as_of = from_us(max(versions.values(), default=0))
        return {"count": len(rows), "example_ids": [row["id"] for row in rows], "as_of": as_of}

    def delete(self, ids: Sequence[str], *, hard: bool = False) -> int:
        """Delete examples in one new version, with `hard` their history too. Returns how many.

        Raises:
            ErrorResponse: 404.
        """
        with self._database.transaction() as connection:
            rows = [self._require(identity, None) for identity in ids]
            versions = {row["dataset_id"]: self._datasets.new_version(row["dataset_id"]) for row in rows}
            for row in rows:
                connection.execute(
                    "UPDATE examples SET valid_to = ? WHERE id = ? AND valid_to = ?",
                    (versions[row["dataset_id"]], row["id"], STILL_VALID),
                )
                if hard:
                    connection.execute("DELETE FROM examples WHERE id = ?", (row["id"],))
        return len(rows)

    def get(self, identity: str, as_of: str | None = None) -> dict[str, Any]:
        """One example as of a version.

        Raises:
            ErrorResponse: 404.
        """
        rows = self._database.rows("SELECT * FROM examples WHERE id = ? ORDER BY valid_from", (identity.lower(),))
        if not rows:
            raise not_found("Example")
        version = STILL_VALID - 1 if as_of is None else self._datasets.resolve(rows[0]["dataset_id"], as_of)
        for row in rows:
            if row["valid_from"] <= version < row["valid_to"]:
                return shape_example(row)
        raise not_found("Example")

    def history(self, identity: str) -> list[dict[str, Any]]:
        """Every state of an example, newest first."""
        rows = self._database.rows("SELECT * FROM examples WHERE id = ? ORDER BY valid_from DESC", (identity.lower(),))
        return [shape_example(row) for row in rows]

    def find(
        self,
        *,
        dataset_id: str | None = None,
        ids: Sequence[str] = (),
        as_of: str | None = None,
        splits: Sequence[str] = (),
        metadata: Any = None,
        text_filter: str | None = None,
        containing: Sequence[str] = (),
        order: str | None = None,
        seed: float | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Examples as of a version that meet every given condition, in the order they were created.

        Raises:
            ErrorResponse: 404 for dataset or version; 422 without dataset and ids.
        """
        if dataset_id is None and not ids:
            raise unprocessable("one of dataset or id is required")
        where = Conditions()
        if dataset_id is None or as_of in (None, "latest"):
            where.holds("valid_to = ?", STILL_VALID)
        else:
            version = self._datasets.resolve(dataset_id, as_of)
            where.holds("valid_from <= ? AND valid_to > ?", version, version)
        if dataset_id is not None:
            self._datasets.get(dataset_id)
            where.holds("dataset_id = ?", dataset_id)
        where.id_of("id", ids)
        sql = f"SELECT * FROM examples WHERE {where.sql} ORDER BY position"  # noqa: S608
        if not (splits or metadata or text_filter or containing or order):
            rows = self._database.rows(f"{sql} LIMIT ? OFFSET ?", (*where.arguments, limit, offset))
            return [shape_example(row) for row in rows]
        examples = [shape_example(row) for row in self._database.rows(sql, where.arguments)]
        matching = [
            example
            for example in examples
            if (not splits or set(splits) & set(_splits_of(example))) and holds_metadata(example, metadata)
        ]
        matching = containing_texts(filtered_examples(matching, text_filter), containing)
        ordered = ordered_examples(matching, order, seed)[offset:]
        return ordered if limit < 0 else ordered[:limit]

    def count(self, dataset_id: str, as_of: str | None = None, **conditions: Any) -> int:
        """How many examples of a version meet conditions, as those of `find`.

        Raises:
            ErrorResponse: 404.
        """
        version = self._datasets.resolve(dataset_id, as_of)
        if any(conditions.values()):
            return len(self.find(dataset_id=dataset_id, as_of=as_of, limit=-1, **conditions))
        row = self._database.row(
            "SELECT count(*) AS n FROM examples WHERE dataset_id = ? AND valid_from <= ? AND valid_to > ?",
            (dataset_id, version, version),
        )
        return int(row["n"]) if row else 0

    def difference(self, dataset_id: str, from_version: str, to_version: str) -> dict[str, list[str]]:
        """Ids added, removed and modified between two versions.

        Raises:
            ErrorResponse: 404.
        """
        before, after = (self._state(dataset_id, version) for version in (from_version, to_version))
        return {
            "examples_added": sorted(after.keys() - before.keys()),
            "examples_removed": sorted(before.keys() - after.keys()),
            "examples_modified": sorted(key for key in before.keys() & after.keys() if before[key] != after[key]),
        }

    def _state(self, dataset_id: str, as_of: str) -> dict[str, int]:
        version = self._datasets.resolve(dataset_id, as_of)
        rows = self._database.rows(
            "SELECT id, valid_from FROM examples WHERE dataset_id = ? AND valid_from <= ? AND valid_to > ?",
            (dataset_id, version, version),
        )
        return {row["id"]: row["valid_from"] for row in rows}

    def splits(self, dataset_id: str, as_of: str | None = None) -> list[str]:
        """Names of the splits a version has.

        Raises:
            ErrorResponse: 404.
        """
        examples = self.find(dataset_id=dataset_id, as_of=as_of, limit=-1)
        return sorted({split for example in examples for split in _splits_of(example)})

    def move_to_split(self, dataset_id: str, split: str, ids: Sequence[str], *, remove: bool) -> None:
        """Add examples to a split, or take them out of it.

        Raises:
            ErrorResponse: 404.
        """
        changes = []
        for identity in ids:
            example = self.get(identity)
            others = [name for name in _splits_of(example) if name != split]
            metadata = {**(example["metadata"] or {}), _SPLIT: others if remove else [*others, split]}
            changes.append({"id": identity, "metadata": metadata})
        self.update(dataset_id, changes)

    def _current(self, identity: str) -> sqlite3.Row | None:
        return self._database.row(
            "SELECT * FROM examples WHERE id = ? AND valid_to = ?", (str(identity).lower(), STILL_VALID)
        )

    def _require(self, identity: str, dataset_id: str | None) -> sqlite3.Row:
        row = self._current(identity)
        if row is None:
            raise not_found(f"Example {identity}")
        if dataset_id is not None and row["dataset_id"] != dataset_id:
            raise conflict(f"Example {identity} is of another dataset")
        return row

    def _insert(
        self, identity: str, dataset_id: str, version: int, created: int, position: int, body: dict[str, Any]
    ) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO examples VALUES (?, ?, ?, ?, ?, ?, ?)",
                (identity, dataset_id, version, STILL_VALID, created, position, pack(orjson.dumps(body))),
            )


def _operations(identity: str, operations: Mapping[str, Any]) -> tuple[dict[str, str], set[str]]:
    renamed, retained = operations.get("rename") or {}, operations.get("retain") or []
    texts = isinstance(renamed, dict) and isinstance(retained, list)
    if not texts or not all(isinstance(name, str) for name in (*renamed.values(), *retained)):
        raise unprocessable(f"example {identity}: attachments_operations: rename maps names, retain lists names")
    if unknown := sorted(operations.keys() - {"rename", "retain"}):
        raise unprocessable(f"example {identity}: attachments_operations: unknown {', '.join(map(repr, unknown))}")
    if both := sorted(set(renamed) & set(retained)):
        raise unprocessable(f"example {identity}: {', '.join(map(repr, both))} is both renamed and retained")
    return renamed, set(retained)


def _body(change: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The state to store; `split` becomes `metadata.dataset_split`, by default `["base"]`."""
    body = {name: before.get(name) for name in _BODY_FIELDS}
    body.update({name: change[name] for name in _BODY_FIELDS if change.get(name) is not None})
    metadata = dict(body["metadata"] or {})
    split = change.get("split")
    if split is not None:
        metadata[_SPLIT] = [split] if isinstance(split, str) else list(split)
    metadata.setdefault(_SPLIT, (before.get("metadata") or {}).get(_SPLIT) or ["base"])
    return {**body, "metadata": metadata}


def shape_example(row: sqlite3.Row) -> dict[str, Any]:
    """An example as the API returns it (schema `Example`)."""
    return {
        "id": row["id"],
        "dataset_id": row["dataset_id"],
        "name": f"#{row['id'][:8]}",
        "created_at": from_us(row["created_us"]),
        "modified_at": from_us(row["valid_from"]),
        **unpack(row["body"]),
    }


def _splits_of(example: dict[str, Any]) -> list[str]:
    split = (example["metadata"] or {}).get(_SPLIT) or []
    return [split] if isinstance(split, str) else list(split)
