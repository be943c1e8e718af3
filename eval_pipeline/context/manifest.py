"""The manifest of a snapshot: its files, their checksums, and the plan that its id is the hash of."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import CorruptDataError, MissingUpstreamError
from eval_pipeline.store.layout import context_prefix
from eval_pipeline.store.store import Store

SCHEMA_VERSION = 3
"""Part of every context's id. Raised when snapshots of earlier versions cannot be read any more."""


class SnapshotFile(BaseModel):
    """One Parquet file of the snapshot."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    """Name within the snapshot's folder."""
    sha256: str
    bytes: int
    rows: int
    columns: tuple[str, ...]


class Manifest(BaseModel):
    """The document that publishes a snapshot; it is written last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    context_id: str
    suite: str
    created_at: str
    plan: Mapping[str, Any]
    """The content that the id is the hash of."""
    parts: Mapping[str, SnapshotFile]
    """By part: `tables/<name>`, `documents`, `similar_documents`, `patterns`."""
    build_s: float
    input_tokens: int
    output_tokens: int

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(part.removeprefix("tables/") for part in self.parts if part.startswith("tables/"))

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(part.bytes for part in self.parts.values())

    def key(self, part: str) -> str:
        """The store's key of a part."""
        return context_prefix(self.suite, self.context_id) + self.parts[part].file


class _Sealed(Manifest):
    """A manifest as it is stored, with its own checksum."""

    checksum: str
    """SHA-256 of the manifest without this field."""


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as it is stored, with its own checksum."""
    checksum = hashlib.sha256(manifest.model_dump_json().encode()).hexdigest()
    return _Sealed(**manifest.model_dump(), checksum=checksum).model_dump_json(indent=2).encode()


def manifest_key(suite: str, context_id: str) -> str:
    """The store's key of a manifest."""
    return context_prefix(suite, context_id) + "manifest.json"


def find_manifest(store: Store, suite: str, context_id: str) -> tuple[Manifest, bytes] | None:
    """The manifest of a snapshot and its bytes, or None if there is no such snapshot.

    Raises:
        CorruptDataError: it cannot be read, or differs from its checksum.
    """
    key = manifest_key(suite, context_id)
    data = store.get(key)
    if data is None:
        return None
    fix = _rebuild(store, suite, context_id)
    try:
        manifest = Manifest(**_Sealed.model_validate_json(data).model_dump(exclude={"checksum"}))
    except ValidationError as error:
        raise CorruptDataError(f"{store.uri(key)} cannot be read as a manifest", fix=fix) from error
    if manifest_bytes(manifest) != data or (manifest.suite, manifest.context_id) != (suite, context_id):
        raise CorruptDataError(f"{store.uri(key)} differs from its checksum", fix=fix)
    return manifest, data


def require_manifest(store: Store, suite: str, context_id: str) -> tuple[Manifest, bytes]:
    """As `find_manifest`.

    Raises:
        MissingUpstreamError: there is no such snapshot.
    """
    manifest = find_manifest(store, suite, context_id)
    if manifest is None:
        uri = store.uri(context_prefix(suite, context_id))
        raise MissingUpstreamError(f"there is no shared context at {uri}", fix="materialize shared_context")
    return manifest


def read_part(store: Store, manifest: Manifest, part: str) -> bytes:
    """The bytes of a part, verified.

    Raises:
        CorruptDataError: the file is missing, or differs from its checksum.
    """
    key, recorded = manifest.key(part), manifest.parts[part]
    data = store.get(key)
    fix = _rebuild(store, manifest.suite, manifest.context_id)
    if data is None:
        raise CorruptDataError(f"{store.uri(key)} is missing from the snapshot", fix=fix)
    if hashlib.sha256(data).hexdigest() != recorded.sha256:
        raise CorruptDataError(f"{store.uri(key)} differs from its checksum in the manifest", fix=fix)
    return data


def verify(store: Store, manifest: Manifest) -> None:
    """Read every part once and compare checksums.

    Raises:
        CorruptDataError: a file is missing, or differs from its checksum.
    """
    for part in manifest.parts:
        read_part(store, manifest, part)


def _rebuild(store: Store, suite: str, context_id: str) -> str:
    folder = store.uri(context_prefix(suite, context_id))
    return f"delete {folder}, then materialize shared_context or run again: it is rebuilt, and results are kept"
