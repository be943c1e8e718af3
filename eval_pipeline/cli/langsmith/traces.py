"""`eval-pipeline traces`: what could not be sent to LangSmith, and sending it again."""

import datetime as dt
from pathlib import Path

import click

from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.langsmith.local_recorder import DATABASE, forward_recording
from eval_pipeline.settings import DestinationName, LangSmithSettings, Mode
from eval_pipeline.tracing.send.flushing import REFUSED_FOLDER, FlushReport, flush_spool, spool_folder
from eval_pipeline.tracing.send.spool import status_of

_NAMES: tuple[DestinationName, ...] = ("langsmith", "recorder")

_spool_option = click.option(
    "--spool",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the spool, if not the configured one (EVAL_PIPELINE_SPOOL).",
)


@click.group()
def traces() -> None:
    """Traces that wait on disk because LangSmith, or the recorder, could not take them."""


@traces.command()
@_spool_option
def flush(spool: Path | None) -> int:
    """Send again what waits. Ids stay the same, so that nothing is there twice."""
    settings = _settings(spool)
    if settings.mode == "off":
        # Nothing is traced from now on; what waits was, and goes where it was meant to.
        settings = settings.model_copy(update={"mode": _waiting_for(settings)})
    reports = flush_spool(settings)
    if not reports:
        click.echo("tracing is off, and nothing waits", err=True)
    for report in reports:
        click.echo(_said(report))
    unfinished = any(report.kept or report.busy for report in reports)
    return InfrastructureError.exit_code if unfinished else 0


@traces.command()
@_spool_option
def status(spool: Path | None) -> int:
    """Show what waits, for each destination."""
    settings = _settings(spool)
    for name in _NAMES:
        folder = spool_folder(settings, name)
        found, refused = status_of(folder), status_of(folder / REFUSED_FOLDER)
        since = (
            "" if found.oldest is None else f", since {dt.datetime.fromtimestamp(found.oldest, tz=dt.UTC):%F %H:%M} UTC"
        )
        aside = f" · {refused.files} files refused for good in {folder / REFUSED_FOLDER}" if refused.files else ""
        click.echo(f"{name}: {found.files} files, {found.bytes / 1024:.0f} KiB wait{since}{aside}")
    return 0


@traces.command()
@click.option(
    "--db",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Database of the recorder, by default the one in DAGSTER_HOME.",
)
def forward(db: Path | None) -> int:
    """Send to LangSmith what the recorder holds: datasets, experiments, traces and feedback.

    Needs LANGSMITH_API_KEY. Ids stay the same: what is forwarded again is not there twice.
    """
    settings = LangSmithSettings.from_environment()
    database = home_folder() / DATABASE if db is None else db
    if settings.api_key is None:
        raise InputError(Problem(message="there is no LangSmith API key", fix="set LANGSMITH_API_KEY"))
    if not database.exists():
        raise InputError(Problem(message=f"no recorder has written {database}", fix="give --db", field="--db"))
    report = forward_recording(database, settings)
    click.echo(
        f"{settings.api_url}: {report.datasets} datasets with {report.examples} examples, {report.sessions} projects, "
        f"{report.runs} runs and {report.feedback} feedback sent · {report.already_there} were there already"
    )
    for identity, answer in report.rejected:
        click.echo(f"refused {identity}: {answer}", err=True)
    return InfrastructureError.exit_code if report.rejected else 0


def _waiting_for(settings: LangSmithSettings) -> Mode:
    """The mode whose destinations something waits for."""
    waiting = [name for name in _NAMES if status_of(spool_folder(settings, name)).files]
    return "both" if len(waiting) > 1 else waiting[0] if waiting else "off"


def _settings(spool: Path | None) -> LangSmithSettings:
    # What waits was traced; whether anything is traced from now on is another question.
    settings = LangSmithSettings.from_environment(tracing_enabled=True)
    return settings if spool is None else settings.model_copy(update={"spool_folder": spool})


def _said(report: FlushReport) -> str:
    if report.busy:
        return f"{report.destination}: another process is sending them right now"
    parts = [f"{report.runs_sent} runs and {report.feedback_sent} scores sent"]
    if report.retimed_traces:
        parts.append(f"{report.retimed_traces} traces moved into LangSmith's 24 h window")
    if report.kept:
        parts.append(f"{report.kept} kept for the next time ({report.refused} of them refused)")
    if report.put_aside:
        parts.append(f"{report.put_aside} refused for good, put aside")
    return f"{report.destination}: {', '.join(parts)}"
