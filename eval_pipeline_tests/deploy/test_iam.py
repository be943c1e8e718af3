"""The policies of `deploy/iam` allow what the store does, and nothing else."""

import json
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from eval_pipeline.errors import CredentialsError
from eval_pipeline.store import s3 as module
from eval_pipeline.store.s3 import S3Store
from eval_pipeline_tests.s3_servers import S3Server, moto_server

POLICIES = Path(__file__).parents[2] / "deploy" / "iam"
PREFIX = "team/evaluation"
ACTIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
    "UploadPart": "s3:PutObject",
}
"""What an operation needs, as the S3 user guide's table of actions has it."""


def _policy(name: str, bucket: str) -> dict[str, Any]:
    text = string.Template((POLICIES / f"{name}.json").read_text()).substitute(BUCKET=bucket, PREFIX=PREFIX)
    policy: dict[str, Any] = json.loads(text)
    return policy


def _allowed(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


@pytest.fixture
def server() -> Iterator[S3Server]:
    with moto_server() as running:
        yield running


def _used(client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything a store does, a broken upload included."""
    monkeypatch.setattr(module, "PART_BYTES", 5 * 2**20)
    store = S3Store(client, bucket=bucket, prefix=PREFIX)
    store.put("small", b"1")
    store.put("big", memoryview(bytes(11 * 2**20)))
    assert store.put_if_absent("once", b"1")
    assert not store.put_if_absent("once", b"2")
    assert store.get("small") == b"1"
    assert store.get("missing") is None
    assert list(store.list("s")) == ["small"]


def test_the_writers_policy_names_exactly_what_the_store_does(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, bucket, done = server.client(), server.bucket(), set()
    client.meta.events.register("before-call.s3", lambda model, **_: done.add(model.name))

    _used(client, bucket, monkeypatch)

    # An upload is aborted when it breaks, which `store/test_s3.py` shows.
    needed = {ACTIONS[operation] for operation in done} | {"s3:AbortMultipartUpload"}
    assert _allowed(_policy("store-writer", bucket)) == needed
    assert _allowed(_policy("store-reader", bucket)) == needed - {"s3:PutObject", "s3:AbortMultipartUpload"}


@pytest.mark.parametrize("name", ["store-writer", "store-reader"])
def test_where_policies_are_enforced_they_suffice_and_end_at_the_prefix(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bucket = server.bucket()
    owner = S3Store(server.client(), bucket=bucket, prefix=PREFIX)
    owner.put("there", b"1")
    S3Store(server.client(), bucket=bucket, prefix="other").put("there", b"1")
    iam = boto3.client(
        "iam",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="root",
        aws_secret_access_key="root",
    )
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(_policy(name, bucket)))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    httpx.post(f"{server.endpoint}/moto-api/reset-auth", content="0").raise_for_status()
    try:
        store = S3Store(client, bucket=bucket, prefix=PREFIX)
        assert store.get("there") == b"1"
        assert list(store.list("")) == ["there"]
        if name == "store-writer":
            _used(client, bucket, monkeypatch)
        else:
            with pytest.raises(CredentialsError):
                store.put("new", b"1")
        with pytest.raises(CredentialsError):
            S3Store(client, bucket=bucket, prefix="other").get("there")
    finally:
        httpx.post(f"{server.endpoint}/moto-api/reset-auth", content="1000000000").raise_for_status()
