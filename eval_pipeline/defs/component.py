"""`EvalSuiteComponent`: a suite as a component of a Dagster project that `dg` manages."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field
from typing_extensions import override

from eval_pipeline.defs.build import build_definitions
from eval_pipeline.defs.resources import default_resources
from eval_pipeline.errors import InputError
from eval_pipeline.scaffold.new_suite import offline_suite
from eval_pipeline.suite.suite import read_suite


class EvalSuiteScaffolder(dg.Scaffolder[Any]):
    """Writes a suite that runs, beside the `defs.yaml` that names it."""

    @override
    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        offline_suite(request.target_path).write()
        dg.scaffold_component(request, {"suite": "."})


@dg.scaffold_with(EvalSuiteScaffolder)
class EvalSuiteComponent(dg.Component, dg.Model, dg.Resolvable):
    """The assets, checks, job, schedule and sensors that evaluate a suite.

    Their resources are `eval_store`, `eval_langsmith` and `eval_progress`, which all suites of a project share, and
    which read the environment (EVAL_PIPELINE_STORE, LANGSMITH_API_KEY, …).
    """

    suite: str = Field(default=".", description="The folder of suite.yaml, from the folder of this file.")
    key_prefix: list[str] = Field(
        default_factory=list, description="What asset keys have before the suite's name.", examples=[["ml", "evals"]]
    )
    group: str | None = Field(default=None, description="The group of the assets; by default the suite's name.")

    @override
    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Read the suite and build its definitions."""
        folder = (context.path / self.suite).resolve()
        return build_definitions(
            folders=[folder],
            resource_overrides=_shared_resources(),
            key_prefix=self.key_prefix,
            group=self.group,
            traces_waiting=f"traces_waiting_{_name(folder)}",
        )


@cache
def _shared_resources() -> Mapping[str, Any]:
    """The resources of all components of a process: Dagster merges definitions only if these are the same objects."""
    return default_resources()


def _name(folder: Path) -> str:
    try:
        return read_suite(folder).name
    except InputError:  # which the suite's asset reports
        return offline_suite(folder).name
