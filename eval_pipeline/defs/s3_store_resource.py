"""The store in an S3 bucket, as a Dagster resource based on `dagster_aws.s3.S3Resource`.

It is a module of its own because importing boto3 takes a second, which runs with a local store do not need.
"""

from dagster_aws.s3 import S3Resource
from typing_extensions import override

from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store


class S3StoreResource(StoreResource, S3Resource):
    """The store of snapshots, datasets and results; `root` is `s3://bucket/prefix`.

    The other fields are those of `S3Resource` (`endpoint_url`, `region_name`, keys …). Fields that are not set are read
    from the environment, as by every AWS client (`AWS_PROFILE`, `AWS_ENDPOINT_URL_S3`, a role). Give secrets as
    `dg.EnvVar`, never as text. It derives from both resources, because Dagster warns of a resource inside a resource.
    """

    @override
    def open(self) -> Store:
        return open_store(self.root, s3_client=self.get_client)
