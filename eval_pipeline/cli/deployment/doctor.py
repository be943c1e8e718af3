"""`eval-pipeline doctor`: check a deployment and say how to fix it."""

import dataclasses
import json
from collections.abc import Iterator
from functools import partial

import click
from rich.console import Console
from rich.table import Table

from eval_pipeline.cli.options import json_option, store_option
from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.cli.shown import echo, escape
from eval_pipeline.defs.resources import store_resource
from eval_pipeline.doctor.clock import check_bucket_clock
from eval_pipeline.doctor.finding import Finding, findings_of
from eval_pipeline.doctor.instance import check_instance
from eval_pipeline.doctor.launching import check_pool
from eval_pipeline.doctor.packages import check_versions
from eval_pipeline.doctor.services import check_compute, check_models, check_promotions, check_tracing
from eval_pipeline.doctor.stores import check_cache, check_store
from eval_pipeline.errors import InfrastructureError
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite

_STYLE = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command()
@click.argument("suites", nargs=-1)
@store_option
@click.option("--call-models", is_flag=True, help="Call every model once, which costs a few tokens.")
@json_option
def doctor(suites: tuple[str, ...], store: str, *, call_models: bool, as_json: bool) -> int:
    """Check that a deployment can run evaluations.

    Checks the installed packages, the store, the clock, the cache, the Dagster instance with its daemon and workers,
    and LangSmith or the recorder. For each of SUITES, also checks its pool, its models, the workers of its `compute:`
    and the tag that promotions move.

    Exit codes: 0 no check failed, 3 a check failed.
    """
    findings = list(_findings(suites, store, call_models=call_models))
    if as_json:
        echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    return InfrastructureError.exit_code if any(finding.health == "failed" for finding in findings) else 0


def _findings(suites: tuple[str, ...], store: str, *, call_models: bool) -> Iterator[Finding]:
    yield from findings_of("packages", check_versions)
    yield from findings_of("store", lambda: check_store(store_resource(store).open()))
    yield from findings_of("clock", lambda: check_bucket_clock(store_resource(store)))
    yield from findings_of("cache", check_cache)
    yield from findings_of("instance", check_instance)
    with settings_at_hand() as settings:
        yield from findings_of("tracing", lambda: check_tracing(settings))
        for name in suites:
            yield from findings_of(name, partial(_suite, name, store, settings, call=call_models))


def _suite(name: str, store: str, settings: LangSmithSettings, *, call: bool) -> Iterator[Finding]:
    suite = read_suite(suite_folder(name))
    yield from check_pool(suite)
    yield from check_models(suite, call=call)
    yield from findings_of("compute", lambda: check_compute(suite, store_resource(store), settings))
    yield from findings_of("promotion", lambda: check_promotions(suite, store_resource(store), settings))


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        fix = "" if finding.fix is None else f"\n[bold]Fix:[/] {escape(finding.fix)}"
        style = _STYLE[finding.health]
        table.add_row(f"[{style}]{finding.health}[/]", escape(finding.subject), escape(finding.message) + fix)
    Console().print(table)
