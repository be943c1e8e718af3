"""The store in a bucket: checksums, parts, broken bodies, lost answers, refusals, prefixes."""

import random
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import boto3
import pyarrow as pa
import pytest

from eval_pipeline.errors import CorruptDataError, CredentialsError, PermanentError, TransientError
from eval_pipeline.store import s3 as module
from eval_pipeline.store.s3 import S3Store
from eval_pipeline.store.s3_parts import TAIL_BYTES
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server


@pytest.fixture
def bucket(s3: S3Server) -> str:
    return s3.bucket()


def test_a_large_object_goes_in_parts_and_comes_back_whole(
    s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 5 * 2**20)
    data = bytes(range(256)) * (12 * 2**12)
    store = S3Store(s3.client(), bucket=bucket)
    store.put("big", memoryview(data))
    assert store.get("big") == data
    assert s3.client().head_object(Bucket=bucket, Key="big")["ETag"].strip('"').endswith("-3")


def test_a_large_object_that_fails_leaves_no_parts(s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 2**20)  # below what S3 takes for any part but the last
    with pytest.raises(TransientError, match="EntityTooSmall"):
        S3Store(s3.client(), bucket=bucket).put("big", bytes(3 * 2**20))
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket=bucket)


def test_an_object_that_was_changed_behind_our_back_is_corrupt(s3: S3Server, bucket: str) -> None:
    store, client = S3Store(s3.client(), bucket=bucket, prefix="p"), s3.client()
    store.put("k", b"what was written")
    metadata = client.head_object(Bucket=bucket, Key="p/k")["Metadata"]
    client.put_object(
        Bucket=bucket, Key="p/k", Body=b"something else", Metadata=metadata, ContentMD5=_md5(b"something else")
    )
    with pytest.raises(CorruptDataError, match="p/k differs from its checksum"):
        store.get("k")


def test_nothing_outside_the_prefix_is_seen(s3: S3Server, bucket: str) -> None:
    ours, theirs = (S3Store(s3.client(), bucket=bucket, prefix=prefix) for prefix in ("team", "team2/"))
    theirs.put("a/k", b"theirs")
    ours.put("a/k", b"ours")
    assert (list(ours.list("a/")), ours.get("a/k"), list(ours.list(""))) == (["a/k"], b"ours", ["a/k"])


def test_listing_asks_only_for_what_is_under_the_prefix(moto: S3Server) -> None:
    client, asked = moto.client(), []
    client.meta.events.register("provide-client-params.s3.ListObjectsV2", lambda params, **_: asked.append(params))
    store = S3Store(client, bucket=moto.bucket(), prefix="p")
    for number in range(20):
        store.put(f"{number % 2}/{number:02d}", b"")
    assert len(list(store.list("1/"))) == 10
    assert [params["Prefix"] for params in asked] == ["p/1/"]


def test_of_a_large_table_only_the_groups_that_may_hold_the_rows_are_read(s3: S3Server, bucket: str) -> None:
    client, read = s3.client(), []
    client.meta.events.register("after-call.s3.GetObject", lambda parsed, **_: read.append(parsed["ContentLength"]))
    store = S3Store(client, bucket=bucket)
    ids = [f"{number:05d}" for number in range(5_000)]
    table = pa.table({"id": ids, "text": [random.Random(number).randbytes(1_000) for number in ids]})
    store.put_table("t", table, rows_per_group=100)

    assert store.get_rows("t", "id", ["00010", "00011"]) == table.slice(10, 2)
    assert store.get_rows("t", "id", ["02500"]) == table.slice(2_500, 1)
    assert sum(read) < 2 * TAIL_BYTES + 300_000
    assert len(read) <= 6


def test_a_part_of_a_body_that_breaks_off_is_read_again(faulty: S3Store) -> None:
    # It knows no ranges, either, and sends all.
    table = pa.table({"id": ["a", "b"]})
    faulty.put_table("t", table, rows_per_group=1)
    assert faulty.get_rows("t", "id", ["b"]) == table.slice(1)


def test_a_bucket_that_is_not_there_is_reported(s3: S3Server) -> None:
    with pytest.raises(PermanentError, match=r"NoSuchBucket.*create the bucket"):
        S3Store(s3.client(), bucket="not-there-at-all").put("k", b"")


def test_a_wrong_secret_is_reported(radosgw: S3Server) -> None:
    bucket = radosgw.bucket()
    store = S3Store(radosgw.client(secret="wrong"), bucket=bucket)
    for use in (lambda: store.put("k", b""), lambda: store.get("k"), lambda: list(store.list(""))):
        with pytest.raises(CredentialsError, match="check the key"):
            use()


def test_no_credentials_at_all_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    client = boto3.session.Session().client("s3", endpoint_url="http://127.0.0.1:9", region_name="us-east-1")
    with pytest.raises(CredentialsError, match="give the process a role"):
        S3Store(client, bucket="b").get("k")


class _Faulty(BaseHTTPRequestHandler):
    """Breaks off the first body of each object; loses the answer to the first write of each, having kept it."""

    kept: dict[str, tuple[bytes, dict[str, str]]] = {}  # noqa: RUF012
    seen: set[tuple[str, str]] = set()  # noqa: RUF012
    protocol_version = "HTTP/1.1"

    def _first(self) -> bool:
        repeated = (self.command, self.path) in self.seen
        self.seen.add((self.command, self.path))
        return not repeated

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("contested") and self._first():
            self._answer(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
            return
        if self.path in self.kept and self.headers["If-None-Match"]:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        metadata = {name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}
        self.kept[self.path] = body, metadata
        if self._first():
            self.close_connection = True
            return
        self._answer(200, b"")

    def do_HEAD(self) -> None:
        self._answer(200, b"", self.kept[self.path][1])

    def do_GET(self) -> None:
        body, metadata = self.kept[self.path]
        self._answer(200, body, metadata, cut=self._first())

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def faulty() -> Iterator[S3Store]:
    _Faulty.kept, _Faulty.seen = {}, set()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Faulty) as server:
        server.daemon_threads = True  # a kept-alive connection would be waited for
        threading.Thread(target=server.serve_forever).start()
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )
        yield S3Store(client, bucket="b")
        server.shutdown()


def test_a_conditional_write_whose_answer_was_lost_is_recognized_as_ours(faulty: S3Store) -> None:
    assert faulty.put_if_absent("record", b"ours")
    assert not faulty.put_if_absent("record", b"another's")


def test_a_conditional_write_that_comes_upon_another_is_tried_again(faulty: S3Store) -> None:
    assert faulty.put_if_absent("contested", b"ours")
    assert not faulty.put_if_absent("contested", b"another's")


def test_a_body_that_breaks_off_is_read_again(faulty: S3Store) -> None:
    faulty.put("k", b"all of it")
    assert faulty.get("k") == b"all of it"


def _md5(data: bytes) -> str:
    return module._checksums(data)["ContentMD5"]
