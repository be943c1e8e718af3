"""Open the store at a URI, and parse the URIs of S3."""

import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.store import Store


@dataclass(frozen=True, kw_only=True)
class S3Location:
    """A bucket, and a key or a prefix in it."""

    bucket: str
    key: str


def s3_location(uri: str) -> S3Location | None:
    """What `s3://bucket/key` names; None for any other kind of URI, and for a path."""
    scheme, _, place = uri.partition("://")
    bucket, _, key = place.partition("/")
    return S3Location(bucket=bucket, key=key) if scheme == "s3" else None


def open_store(uri: str, *, s3_client: Callable[[], Any] | None = None) -> Store:
    """The store at `uri`: a folder's path, a `file://` URI, or `s3://bucket/prefix`.

    Args:
        uri: where it is.
        s3_client: makes the boto3 client of an S3 store; by default one configured by the environment.

    Raises:
        InputError: the URI is of another kind, or names no bucket.
    """
    scheme, marked, _ = uri.partition("://")
    if not marked:
        if (kind := uri.partition(":")[0]) in ("s3", "file") and uri != kind:
            raise InputError(
                Problem(message=f"no store at {uri!r}", fix=f"write `{kind}://…`, or `./{uri}` for a folder")
            )
        return LocalStore(Path(uri))
    if scheme == "file":
        return LocalStore(Path(urllib.parse.unquote(urllib.parse.urlparse(uri).path)))
    if (location := s3_location(uri)) is not None:
        return _s3_store(location, s3_client)
    fix = "give a folder, a `file://` URI, or `s3://bucket/prefix`"
    raise InputError(Problem(message=f"no store at {uri!r}: {scheme!r} is not a known kind", fix=fix))


def _s3_store(location: S3Location, make_client: Callable[[], Any] | None) -> Store:
    # boto3 takes most of a second to import, which a store in a folder does not need.
    import boto3  # noqa: PLC0415

    from eval_pipeline.store.s3 import S3Store  # noqa: PLC0415

    if not location.bucket:
        written = "s3:///" + location.key if location.key else "s3://"
        raise InputError(Problem(message=f"no bucket in {written!r}", fix="write `s3://bucket/prefix`"))
    client = boto3.client("s3") if make_client is None else make_client()
    return S3Store(client, bucket=location.bucket, prefix=location.key)
