"""A suite's Dagster definitions on an instance and a store of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from eval_pipeline.defs.assets.case_results import case_results_op_name
from eval_pipeline.defs.build import build_definitions
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, cases_partitions
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.pipeline.progress import Progress, QuietProgress
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store


@dataclass(frozen=True, kw_only=True)
class DagsterProject:
    """One suite in a folder, ready to be run."""

    folder: Path
    suite: str
    instance: dg.DagsterInstance
    store_root: Path
    langsmith: LangSmithResource = field(default_factory=lambda: LangSmithResource(mode="off"))
    progress: Progress = field(default_factory=QuietProgress)

    @property
    def store(self) -> Store:
        """The store that runs write to."""
        return open_store(str(self.store_root))

    @property
    def definitions(self) -> dg.Definitions:
        """The definitions, read anew from the folder."""
        overrides = {
            "eval_store": StoreResource(root=str(self.store_root)),
            "eval_langsmith": self.langsmith,
            "eval_progress": dg.ResourceDefinition.hardcoded_resource(self.progress),
        }
        return build_definitions(folders=[self.folder], resource_overrides=overrides)

    def register(self, keys: Sequence[str]) -> None:
        """Add partitions."""
        name = cases_partitions(self.suite).name
        assert name is not None
        self.instance.add_dynamic_partitions(name, list(keys))

    def run(
        self,
        first: str | None = None,
        last: str | None = None,
        *,
        assets: Sequence[str] | None = None,
        config: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run the suite's job, or some assets of it, over a range of partitions."""
        ranged = {} if first is None else {RANGE_START_TAG: first, RANGE_END_TAG: last or first}
        return self.definitions.resolve_job_def(job_name(self.suite)).execute_in_process(
            instance=self.instance,
            tags={**ranged, **(tags or {})},
            asset_selection=None if assets is None else [self.key(name) for name in assets],
            run_config={"ops": {case_results_op_name(self.suite): {"config": config}}} if config else None,
            raise_on_error=False,
        )

    def key(self, asset: str) -> dg.AssetKey:
        """The key of an asset of the suite."""
        return dg.AssetKey([self.suite, asset])

    def materialized(self) -> set[str]:
        """The partitions of `case_results` that have been materialized."""
        return self.instance.get_materialized_partitions(self.key("case_results"))


def project_in(folder: Path, instance: dg.DagsterInstance) -> DagsterProject:
    """The suite `shop` in a folder, with a store beside it."""
    return DagsterProject(folder=folder / "shop", suite="shop", instance=instance, store_root=folder / "store")
