"""`eval-pipeline prune SUITE`: delete what the suite's `retention:` does not keep."""

import datetime as dt
import json
from dataclasses import asdict

import click

from eval_pipeline.cli.options import json_option, store_option
from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.cli.shown import echo
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.launching.pruning import PrunePlan, plan_prune, prune
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import SUITE_FILE, read_suite
from eval_pipeline.tracing.send.flush import with_spool_of
from eval_pipeline.wording import first_names


@click.command("prune")
@click.argument("suite")
@click.option("--dry-run", is_flag=True, help="Print what would be deleted, and delete nothing.")
@store_option
@json_option
def prune_(suite: str, store: str, *, dry_run: bool, as_json: bool) -> int:
    """Delete old results as `retention:` of a suite says.

    Deletes experiments with their traces in the recorder, their reports and their runs in Dagster, and snapshots and
    datasets that none refers to; never what something that is kept refers to.
    """
    loaded = read_suite(suite_folder(suite))
    retention = loaded.spec.retention
    if retention.experiments is None and retention.contexts == "all":
        fix = "write for example `retention: {experiments: 90d, contexts: unreferenced}`"
        raise InputError(
            Problem(message="nothing is to be deleted", fix=fix, file=loaded.folder / SUITE_FILE, field="retention")
        )
    opened = open_store(store)
    with settings_at_hand() as given, open_instance() as instance:
        settings = with_spool_of(given, opened.root)
        plan = plan_prune(loaded, opened, instance, settings, now=dt.datetime.now(tz=dt.UTC))
        if not dry_run:
            prune(plan, loaded, opened, instance, settings)
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, **asdict(plan)}, indent=2, default=str))
    else:
        _show(plan, dry_run=dry_run)
    return 0


def _show(plan: PrunePlan, *, dry_run: bool) -> None:
    done = "would be deleted" if dry_run else "deleted"
    parts = {
        "experiments": plan.experiments,
        "comparisons of variants": plan.comparisons,
        "snapshots": plan.contexts,
        "datasets": plan.datasets,
        "spooled segments": tuple(file.name for file in plan.spooled),
        "runs of Dagster": plan.runs,
    }
    for name, deleted in parts.items():
        if deleted:
            echo(f"{name} {done}: {len(deleted)} ({first_names(deleted)})")
    if plan.kept:
        echo(f"old experiments kept, which are referred to: {len(plan.kept)} ({first_names(plan.kept)})")
    if plan.empty:
        echo("nothing to delete")
