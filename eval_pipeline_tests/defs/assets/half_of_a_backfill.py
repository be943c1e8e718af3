"""One run of a backfill, to be run in a process of its own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject


def run_half(
    root: Path, first: str, last: str, *, backfill: str, langsmith: Mapping[str, Any], environment: Mapping[str, str]
) -> None:
    """Run the suite `many` in `root` over a range, on the instance that `DAGSTER_HOME` names; exits 1 if that fails."""
    os.environ.update(environment)
    with dg.DagsterInstance.get() as instance:
        project = DagsterProject(
            folder=root / "many",
            suite="many",
            instance=instance,
            store_root=root / "store",
            langsmith=LangSmithResource(**langsmith),
        )
        result = project.run(first, last, tags={"dagster/backfill": backfill})
    if not result.success:
        raise SystemExit(1)
