"""Checks of the store and of the cache folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator

from eval_pipeline.doctor.finding import Finding, failed, ok, warning
from eval_pipeline.settings import CACHE_VARIABLE, cache_folder
from eval_pipeline.store.store import Store

PROBE = "doctor/probe"
"""One object that every check overwrites: runs never delete, so no role needs permission to."""
ENOUGH_BYTES = 2 * 2**30


def check_store(store: Store) -> Iterator[Finding]:
    """Write, read, list, and write only if absent, as runs do. Raises what the store raises."""
    value = os.urandom(16)
    store.put(PROBE, value)
    if store.get(PROBE) != value:
        yield failed("store", f"{store.root} returned other bytes than were written", fix="use another store")
        return
    if PROBE not in store.list("doctor/"):
        yield failed("store", f"{store.root} does not list what was written", fix="allow s3:ListBucket on the prefix")
        return
    if store.put_if_absent(PROBE, b"overwritten") or store.get(PROBE) != value:
        message = f"{store.root} overwrites objects that should only be written if absent: two runs could write one"
        yield failed("store", message, fix="use a server with conditional writes: Amazon S3, Ceph, MinIO")
        return
    yield ok("store", f"{store.root}: written, read, listed, written only if absent")


def check_cache() -> Iterator[Finding]:
    """Check that this host can keep copies of snapshots."""
    folder = cache_folder()
    fix = f"make it writable, or set {CACHE_VARIABLE} to a folder that is"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        yield failed("cache", f"{folder}: {error.strerror or error}", fix=fix)
        return
    space = f"{folder}: {free / 2**30:.1f} GiB free"
    yield ok("cache", space) if free >= ENOUGH_BYTES else warning("cache", space, fix="free space for large snapshots")
