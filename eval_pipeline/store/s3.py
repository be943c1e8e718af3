"""A store in a bucket of S3, or of a server with the same protocol.

S3 writes are atomic. Writes "if absent" are conditional (`If-None-Match: *`), which Amazon S3, Ceph's radosgw and MinIO
support; some small servers silently ignore the condition, which `eval-pipeline doctor` reports.
"""

import base64
import hashlib
import uuid
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.store.parquet import rows_of_parquet
from eval_pipeline.store.s3_errors import code_of, is_conflict, is_taken, store_error
from eval_pipeline.store.s3_parts import TAIL_BYTES, ReadInParts
from eval_pipeline.store.store import Store, checked_key

PART_BYTES = 64 * 2**20
"""Larger objects are sent in parts of this size; S3 allows 10,000 of them."""
PARTS_IN_FLIGHT = 4
READ_BYTES = 2**20
READ_ATTEMPTS = 4
"""A read whose body breaks off is repeated; the client itself retries only until the body begins."""
CONFLICTING_WRITES = 8
"""How often a write "if absent" is tried while others of the same key are in progress."""
SHA256_METADATA = "sha256"
WRITER_METADATA = "writer"


class S3Store(Store):
    """A store under a prefix of a bucket. Objects have their SHA-256 as metadata, which is verified on reading."""

    def __init__(self, client: Any, *, bucket: str, prefix: str = "") -> None:
        """Create the store; sends no request.

        Args:
            client: a boto3 S3 client, for example `dagster_aws.s3.S3Resource(…).get_client()`. It may be shared
                between threads.
            bucket: must exist.
            prefix: where in the bucket; nothing outside it is read or written.
        """
        self._client, self._bucket = client, bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @property
    @override
    def root(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @override
    def put(self, key: str, data: bytes | memoryview) -> None:
        with memoryview(data) as whole:
            try:
                if whole.nbytes > PART_BYTES:
                    self._put_in_parts(key, whole)
                else:
                    self._put_at_once(key, bytes(whole))
            except (BotoCoreError, ClientError) as error:
                raise store_error(self.uri(key), error) from error

    @override
    def put_if_absent(self, key: str, data: bytes) -> bool:
        writer = uuid.uuid4().hex
        for attempt in range(CONFLICTING_WRITES):
            try:
                self._put_at_once(key, data, IfNoneMatch="*", writer=writer)
            except (BotoCoreError, ClientError) as error:
                if is_taken(error):
                    # The client repeats a write whose answer was lost: the existing object may be ours.
                    return self._metadata(key).get(WRITER_METADATA) == writer
                if not is_conflict(error) or attempt == CONFLICTING_WRITES - 1:
                    raise store_error(self.uri(key), error) from error
            else:
                break
        return True

    @override
    def get(self, key: str) -> bytes | None:
        answered = self._read(key)
        if answered is None:
            return None
        data, answer = answered
        self._verify(key, data, answer["Metadata"].get(SHA256_METADATA))
        return data

    @override
    def get_rows(self, key: str, column: str, values: Collection[str]) -> pa.Table | None:
        # The checksum of the whole object cannot verify a part; those of the pages can.
        answered = self._read(key, Range=f"bytes=-{TAIL_BYTES}")
        if answered is None:
            return None
        tail, answer = answered
        # A server without support for ranges sends the whole object.
        size = int(answer["ContentRange"].rpartition("/")[2]) if "ContentRange" in answer else len(tail)

        def part(start: int, end: int) -> bytes:
            more = self._read(key, Range=f"bytes={start}-{end - 1}")
            return b"" if more is None else more[0]

        with pa.PythonFile(ReadInParts(part, size=size, tail=tail), mode="r") as file:
            return rows_of_parquet(file, column, values, uri=self.uri(key))

    @override
    def list(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(prefix))
        try:
            for page in pages:
                yield from (entry["Key"].removeprefix(self._prefix) for entry in page.get("Contents", ()))
        except (BotoCoreError, ClientError) as error:
            raise store_error(self.uri(prefix), error) from error

    @override
    def delete(self, key: str) -> None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))
        except (BotoCoreError, ClientError) as error:
            raise store_error(self.uri(key), error) from error

    def _read(self, key: str, **more: str) -> tuple[bytes, dict[str, Any]] | None:
        """An object, or a part of it, with the server's answer."""
        for attempt in range(READ_ATTEMPTS):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key), **more)
                return b"".join(answer["Body"].iter_chunks(READ_BYTES)), answer
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise store_error(self.uri(key), error) from error
            except BotoCoreError as error:
                if attempt == READ_ATTEMPTS - 1:
                    raise store_error(self.uri(key), error) from error
        return None

    def _key(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _put_at_once(self, key: str, data: bytes, *, writer: str | None = None, **conditions: str) -> None:
        sha256 = hashlib.sha256(data)
        metadata = {SHA256_METADATA: sha256.hexdigest()} | ({} if writer is None else {WRITER_METADATA: writer})
        self._client.put_object(
            Bucket=self._bucket, Key=self._key(key), Body=data, Metadata=metadata, **_checksums(data), **conditions
        )

    def _put_in_parts(self, key: str, data: memoryview) -> None:
        place = {"Bucket": self._bucket, "Key": self._key(key)}
        metadata = {SHA256_METADATA: hashlib.sha256(data).hexdigest()}
        upload = self._client.create_multipart_upload(**place, Metadata=metadata, ChecksumAlgorithm="SHA256")
        place["UploadId"] = upload["UploadId"]

        def send(number: int) -> dict[str, Any]:
            body = bytes(data[(number - 1) * PART_BYTES : number * PART_BYTES])
            checksums = _checksums(body)
            sent = self._client.upload_part(**place, PartNumber=number, Body=body, **checksums)
            return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksums["ChecksumSHA256"]}

        try:
            with ThreadPoolExecutor(PARTS_IN_FLIGHT) as pool:
                parts = list(pool.map(send, range(1, -(-data.nbytes // PART_BYTES) + 1)))
            self._client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        except BaseException:
            # Parts without an object cost money until the upload is aborted.
            self._client.abort_multipart_upload(**place)
            raise

    def _metadata(self, key: str) -> dict[str, str]:
        try:
            metadata: dict[str, str] = self._client.head_object(Bucket=self._bucket, Key=self._key(key))["Metadata"]
        except (BotoCoreError, ClientError) as error:
            raise store_error(self.uri(key), error) from error
        return metadata

    def _verify(self, key: str, data: bytes, expected: str | None) -> None:
        if expected is not None and hashlib.sha256(data).hexdigest() != expected:
            raise CorruptDataError(
                f"{self.uri(key)} differs from its checksum",
                fix="restore it from a backup, or delete it and run again",
            )


def _checksums(data: bytes) -> dict[str, str]:
    """The checksums that the server verifies: SHA-256 by Amazon, MD5 by older servers.

    Set explicitly, they also keep the client from sending checksums behind the body, which older servers refuse.
    """
    digests = {
        "ContentMD5": hashlib.md5(data, usedforsecurity=False).digest(),
        "ChecksumSHA256": hashlib.sha256(data).digest(),
    }
    return {name: base64.b64encode(value).decode() for name, value in digests.items()}
