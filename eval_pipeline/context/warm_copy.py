"""The copy of a snapshot on this host: downloaded and verified once, stored as Arrow files.

All processes of a host map the same files into memory, so that they share the pages, and opening a copy takes
milliseconds whatever its size.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from eval_pipeline.context.manifest import Manifest, read_part, require_manifest
from eval_pipeline.errors import PermanentError
from eval_pipeline.settings import CACHE_VARIABLE, cache_folder
from eval_pipeline.store.store import Store


def warm_copy(store: Store, suite: str, context_id: str) -> tuple[Manifest, Path]:
    """The manifest of a snapshot and the folder of its copy on this host, which is made if there is none.

    The copy is named after the manifest's hash: a snapshot that was deleted and rebuilt has another copy.

    Raises:
        MissingUpstreamError: there is no such snapshot.
        CorruptDataError: a file of it differs from its checksum.
        PermanentError: the copy cannot be written, or other users can change it.
    """
    manifest, data = require_manifest(store, suite, context_id)
    folder = cache_folder() / "contexts" / f"{context_id}-{hashlib.sha256(data).hexdigest()[:12]}"
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{folder}.lock"):
                if not folder.is_dir():
                    _make(store, manifest, folder)
        except OSError as error:
            fix = f"make it writable, free disk space, or set {CACHE_VARIABLE} to another folder"
            raise PermanentError(f"no warm copy can be kept in {cache_folder()}: {error}", fix=fix) from error
    _require_own(folder)
    return manifest, folder


def _require_own(folder: Path) -> None:
    """Refuse a copy that other users can change: checksums are verified only when a copy is made."""
    if not hasattr(os, "getuid"):
        return
    status = folder.stat()
    if status.st_uid not in {os.getuid(), 0} or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermanentError(
            f"the warm copy {folder} belongs to another user, or other users may write to it",
            fix=f"delete it, and set {CACHE_VARIABLE} to a folder that is yours alone",
        )


@contextlib.contextmanager
def only_builder(context_id: str) -> Iterator[None]:
    """Keep other processes of this host from building the same context. Two hosts may build it; one of them publishes.

    Raises:
        PermanentError: the cache folder cannot be written.
    """
    folder = cache_folder() / "building"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f"{context_id}.lock")
        lock.acquire()
    except OSError as error:
        fix = f"make it writable, or set {CACHE_VARIABLE} to another folder"
        raise PermanentError(f"nothing can be written in {cache_folder()}: {error}", fix=fix) from error
    try:
        yield
    finally:
        lock.release()


def arrow_file(folder: Path, part: str) -> Path:
    """The Arrow file of a part in a warm copy."""
    return folder / f"{part.replace('/', '.')}.arrow"


def _make(store: Store, manifest: Manifest, folder: Path) -> None:
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    try:
        for part in manifest.parts:
            table = pq.read_table(pa.BufferReader(read_part(store, manifest, part)))
            with (
                pa.OSFile(str(arrow_file(unfinished, part)), "wb") as file,
                pa.ipc.new_file(file, table.schema) as writer,
            ):
                writer.write_table(table)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
