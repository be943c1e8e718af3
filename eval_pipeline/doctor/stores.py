"""Checks of the store and of the cache folder: write, read, list, and write only if absent."""

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterator

from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.doctor.clock import check_clock
from eval_pipeline.doctor.finding import Finding, failed, ok, warning
from eval_pipeline.settings import CACHE_VARIABLE, cache_folder
from eval_pipeline.store.opening import s3_location
from eval_pipeline.store.store import Store

PROBE = "doctor/probe"
"""One object, which is written again by every check: runs never delete, so nobody need be allowed to."""
ENOUGH_BYTES = 2 * 2**30


def check_store(store: Store) -> Iterator[Finding]:
    """Do with the store what runs do with it. Raises what the store raises."""
    value = os.urandom(16)
    store.put(PROBE, value)
    if store.get(PROBE) != value:
        yield failed("store", f"{store.root} gave back other bytes than were written", fix="use another store")
        return
    if PROBE not in store.list("doctor/"):
        yield failed("store", f"{store.root} does not list what was written", fix="allow s3:ListBucket on the prefix")
        return
    if store.put_if_absent(PROBE, b"overwritten") or store.get(PROBE) != value:
        message = f"{store.root} overwrites what should only be written if absent: two runs could pin one experiment"
        yield failed("store", message, fix="use a server with conditional writes: Amazon S3, Ceph, MinIO")
        return
    yield ok("store", f"{store.root}: written, read, listed, written only if absent")


def check_bucket_clock(resource: StoreResource) -> Iterator[Finding]:
    """Compare the clock with that of the store's server, if it has one; whatever else it says is `check_store`'s."""
    location, client = s3_location(resource.root), getattr(resource, "get_client", None)
    if location is None or client is None:
        return
    try:
        answer = client().head_bucket(Bucket=location.bucket)
    except Exception as error:  # noqa: BLE001 - a server refuses in an answer, which has its time
        answer = getattr(error, "response", {})
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    yield from check_clock(resource.root, date, dt.datetime.now(tz=dt.UTC))


def check_cache() -> Iterator[Finding]:
    """Whether warm copies of snapshots can be kept on this host."""
    folder = cache_folder()
    fix = f"make it writable, or set {CACHE_VARIABLE} to a folder that is"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        yield failed("cache", f"{folder}: {error.strerror or error}", fix=fix)
        return
    room = f"{folder}: {free / 2**30:.1f} GiB free"
    yield ok("cache", room) if free >= ENOUGH_BYTES else warning("cache", room, fix="make room for large snapshots")
