"""What assets are given: the store, and somebody to tell about progress.

Add a resource here when assets need something that differs between a laptop, a test and a deployment. Keep out anything
that does I/O when it is made. See https://docs.dagster.io/guides/build/external-resources.
"""

import os
from collections.abc import Mapping
from typing import Any, Protocol

import dagster as dg
from pydantic import ConfigDict

from eval_pipeline.evaluation.result import CaseResult
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store

STORE_VARIABLE = "EVAL_PIPELINE_STORE"
DEFAULT_STORE = "./data"


class StoreResource(dg.ConfigurableResource[Store]):
    """Where snapshots, datasets and results live."""

    model_config = ConfigDict(extra="forbid")

    root: str = DEFAULT_STORE
    """A folder, or a `file://` URI."""

    def open(self) -> Store:
        """The store."""
        return open_store(self.root)


class Progress(Protocol):
    """Somebody who waits for a run to end."""

    def step(self, message: str) -> None:
        """A piece of the work before the cases is done."""

    def begin(self, attempts: int) -> None:
        """So many attempts are about to be made."""

    def result(self, result: CaseResult) -> None:
        """One attempt was made."""


class QuietProgress:
    """Nobody waits: runs from the UI and from schedules are followed by their events."""

    def step(self, message: str) -> None:
        """Say nothing."""

    def begin(self, attempts: int) -> None:
        """Say nothing."""

    def result(self, result: CaseResult) -> None:
        """Say nothing."""


def default_resources() -> Mapping[str, Any]:
    """The resources of a deployment that says nothing else, from the environment."""
    return {
        "store": StoreResource(root=os.environ.get(STORE_VARIABLE, DEFAULT_STORE)),
        "progress": dg.ResourceDefinition.hardcoded_resource(QuietProgress()),
    }
