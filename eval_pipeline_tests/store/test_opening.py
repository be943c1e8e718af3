"""Opening a store by its URI."""

from pathlib import Path

import pytest

from eval_pipeline.defs.resources import store_resource
from eval_pipeline.defs.s3_store_resource import S3StoreResource
from eval_pipeline.errors import InputError
from eval_pipeline.store.opening import S3Location, open_store, s3_location


def test_a_store_is_opened_by_path_or_file_uri(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    uris = [str(folder), f"file://{folder}".replace(" ", "%20")]
    assert [open_store(uri).root for uri in uris] == [str(folder)] * 2
    assert open_store(str(folder)).uri("a/b") == f"{folder}/a/b"


def test_a_store_in_a_bucket_is_opened_by_its_uri() -> None:
    resource = store_resource("s3://bucket/team/evaluation/")
    assert isinstance(resource, S3StoreResource)
    assert resource.open().uri("a/b") == "s3://bucket/team/evaluation/a/b"
    assert open_store("s3://bucket", s3_client=lambda: None).root == "s3://bucket"


@pytest.mark.parametrize("uri", ["ftp://host/x", "s3:///prefix"])
def test_a_store_that_cannot_be_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match=r"not a known kind|no bucket"):
        open_store(uri)


def test_an_s3_uri_names_a_bucket_and_a_key() -> None:
    assert s3_location("s3://bucket/a/b.json") == S3Location(bucket="bucket", key="a/b.json")
    assert s3_location("s3://bucket") == S3Location(bucket="bucket", key="")
    assert [s3_location(uri) for uri in ("./data", "file:///data", "bucket/s3://a")] == [None, None, None]
