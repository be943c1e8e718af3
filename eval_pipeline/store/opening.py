"""From a URI to a store."""

import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.store import Store


def open_store(uri: str, *, s3_client: Callable[[], Any] | None = None) -> Store:
    """The store at `uri`: a folder's path, a `file://` URI, or `s3://bucket/prefix`.

    Args:
        uri: where it is.
        s3_client: makes the boto3 client of an S3 store; by default one that is set up by the environment.

    Raises:
        InputError: a kind of store that is not known, or no bucket.
    """
    scheme, _, rest = uri.partition("://")
    if not rest:
        return LocalStore(Path(uri))
    if scheme == "file":
        return LocalStore(Path(urllib.parse.unquote(urllib.parse.urlparse(uri).path)))
    if scheme == "s3":
        return _s3_store(rest, s3_client)
    fix = "give a folder, a `file://` URI, or `s3://bucket/prefix`"
    raise InputError(Problem(message=f"no store at {uri!r}: {scheme!r} is not a known kind", fix=fix))


def _s3_store(place: str, make_client: Callable[[], Any] | None) -> Store:
    # boto3 takes most of a second to import, which a store in a folder need not pay.
    import boto3  # noqa: PLC0415

    from eval_pipeline.store.s3 import S3Store  # noqa: PLC0415

    bucket, _, prefix = place.partition("/")
    if not bucket:
        raise InputError(Problem(message=f"no bucket in 's3://{place}'", fix="write `s3://bucket/prefix`"))
    client = boto3.client("s3") if make_client is None else make_client()
    return S3Store(client, bucket=bucket, prefix=prefix)
