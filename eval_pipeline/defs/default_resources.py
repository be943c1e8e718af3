"""The resources of a deployment that says nothing else: what the environment says."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from eval_pipeline.defs.no_pickle_io_manager import RefusingIOManager
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.pipeline.progress import QuietProgress
from eval_pipeline.settings import store_root
from eval_pipeline.store.opening import s3_location


def store_resource(root: str) -> StoreResource:
    """The resource for a store at `root`: of the kind that its URI says."""
    if s3_location(root) is not None:
        # boto3 takes a second to import, which runs on a folder need not pay.
        from eval_pipeline.defs.s3_store_resource import S3StoreResource  # noqa: PLC0415

        return S3StoreResource(root=root)
    return StoreResource(root=root)


def default_resources() -> Mapping[str, Any]:
    """The resources of a deployment that says nothing else, from the environment."""
    return {
        "store": store_resource(store_root()),
        "langsmith": LangSmithResource(),
        "io_manager": RefusingIOManager(),
        "progress": dg.ResourceDefinition.hardcoded_resource(QuietProgress()),
    }
