"""The store in a bucket as a Dagster resource, on `dagster_aws.s3.S3Resource`.

It stands apart from `resources.py` because importing boto3 takes a second, which runs on a folder need not pay.
"""

from dagster_aws.s3 import S3Resource
from typing_extensions import override

from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store


class S3StoreResource(StoreResource, S3Resource):
    """Where snapshots, datasets and results live: `root` is `s3://bucket/prefix`.

    The other fields are those of `S3Resource` (`endpoint_url`, `region_name`, keys …). What they do not say comes from
    the environment, as for every AWS client (`AWS_PROFILE`, `AWS_ENDPOINT_URL_S3`, a role). Give secrets as
    `dg.EnvVar`, never as text. One resource rather than one inside the other, for which Dagster warns of itself.
    """

    @override
    def open(self) -> Store:
        return open_store(self.root, s3_client=self.get_client)
