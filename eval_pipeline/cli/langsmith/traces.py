"""`eval-pipeline traces`: show and send the traces in the spool, and forward those in the recorder to LangSmith."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import click

from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.langsmith.local_recorder import DATABASE, forward_recording, local_recorder
from eval_pipeline.pipeline.restore_experiments import restore_experiments
from eval_pipeline.settings import DestinationName, LangSmithSettings, Mode
from eval_pipeline.store.opening import open_store
from eval_pipeline.tracing.send.flush import REFUSED_FOLDER, FlushReport, flush_spool, spool_folder, with_spool_of
from eval_pipeline.tracing.send.spool import status_of
from eval_pipeline.wording import counted

_NAMES: tuple[DestinationName, ...] = ("langsmith", "recorder")

_spool_option = click.option(
    "--spool",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the spool.  [default: EVAL_PIPELINE_SPOOL, or that of the store]",
)


@click.group()
def traces() -> None:
    """Show or send traces on disk: spooled or recorded.

    Traces are written to a folder, the spool, when LangSmith or the recorder cannot be reached. Traces in the recorder
    can be forwarded to LangSmith.
    """


@traces.command()
@_spool_option
@store_option
def flush(spool: Path | None, store: str) -> int:
    """Send the traces in the spool. Sending a trace twice creates no duplicate.

    Experiments and datasets that the server lacks are created first, from the store.

    Exit codes: 0 everything was sent, 3 something is still in the spool.
    """
    settings = _settings(spool, store)
    if settings.mode == "off":
        # Tracing is off now, but what is in the spool was traced for these destinations.
        settings = settings.model_copy(update={"mode": _spooled_mode(settings)})
    with _recorder(settings) as settings:
        restored = restore_experiments(settings, open_store(store))
        reports = flush_spool(settings)
    if restored:
        echo(f"restored {', '.join(restored)}")
    if not reports:
        echo("tracing is off and the spool is empty", err=True)
    for report in reports:
        echo(_sent(report))
    unfinished = any(report.kept or report.busy for report in reports)
    return InfrastructureError.exit_code if unfinished else 0


@traces.command()
@_spool_option
@store_option
def status(spool: Path | None, store: str) -> int:
    """Show what is in the spool, for each destination."""
    settings = _settings(spool, store)
    for name in _NAMES:
        folder = spool_folder(settings, name)
        spooled, rejected = status_of(folder), status_of(folder / REFUSED_FOLDER)
        oldest = spooled.oldest
        since = "" if oldest is None else f", since {dt.datetime.fromtimestamp(oldest, tz=dt.UTC):%F %H:%M} UTC"
        note = f" · {rejected.files} rejected files in {folder / REFUSED_FOLDER}" if rejected.files else ""
        echo(f"{name}: {counted(spooled.files, 'file')}, {spooled.bytes / 1024:.0f} KiB wait{since}{note}")
    return 0


@traces.command()
@click.option(
    "--db",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"SQLite file of the recorder.  [default: $DAGSTER_HOME/{DATABASE}]",
)
def forward(db: Path | None) -> int:
    """Send the datasets, experiments, traces and feedback of the recorder to LangSmith.

    Requires LANGSMITH_API_KEY. Ids stay the same, so that forwarding twice sends nothing twice.
    """
    settings = LangSmithSettings.from_environment()
    database = home_folder() / DATABASE if db is None else db
    if settings.api_key is None:
        raise InputError(Problem(message="there is no LangSmith API key", fix="set LANGSMITH_API_KEY"))
    if not database.exists():
        raise InputError(Problem(message=f"no recorder has written {database}", fix="give --db", field="--db"))
    report = forward_recording(database, settings)
    sent = [
        f"{counted(report.datasets, 'dataset')} with {counted(report.examples, 'example')}",
        counted(report.sessions, "project"),
        f"{counted(report.runs, 'run')} and {report.feedback} feedback sent",
    ]
    echo(f"{settings.api_url}: {', '.join(sent)} · {report.already_there} were there already")
    for identity, answer in report.rejected:
        echo(f"refused {identity}: {answer}", err=True)
    return InfrastructureError.exit_code if report.rejected else 0


@contextlib.contextmanager
def _recorder(settings: LangSmithSettings) -> Iterator[LangSmithSettings]:
    """The settings with the recorder's address, which is started if something waits for it."""
    if not status_of(spool_folder(settings, "recorder")).files:
        yield settings
        return
    with local_recorder(settings, home_folder()) as recorder:
        yield settings if recorder is None else settings.model_copy(update={"recorder_url": recorder.url})


def _spooled_mode(settings: LangSmithSettings) -> Mode:
    """The tracing mode whose destinations have something in the spool."""
    names = [name for name in _NAMES if status_of(spool_folder(settings, name)).files]
    return "both" if len(names) > 1 else names[0] if names else "off"


def _settings(spool: Path | None, store: str) -> LangSmithSettings:
    # The spool was written while tracing was on, whatever the setting is now.
    settings = LangSmithSettings.from_environment(tracing_enabled=True)
    if spool is not None:
        return settings.model_copy(update={"spool_folder": spool})
    return with_spool_of(settings, store)


def _sent(report: FlushReport) -> str:
    if report.busy:
        return f"{report.destination}: another process is sending the spool"
    parts = [f"{counted(report.runs_sent, 'run')} and {counted(report.feedback_sent, 'score')} sent"]
    if report.retimed_traces:
        parts.append(f"{counted(report.retimed_traces, 'trace')} moved into LangSmith's 24 h window")
    if report.kept:
        parts.append(f"{report.kept} kept for the next attempt ({report.refused} of them rejected)")
    if report.put_aside:
        parts.append(f"{report.put_aside} rejected and set aside")
    return f"{report.destination}: {', '.join(parts)}"
