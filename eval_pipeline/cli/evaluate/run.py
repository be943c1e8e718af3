"""`eval-pipeline run SUITE`: the suite's job, with a progress bar, and a table of what came of it."""

import json
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from eval_pipeline.cli.evaluate.progress import TerminalProgress
from eval_pipeline.cli.evaluate.resuming import LATEST, refuse_choice, resume_request
from eval_pipeline.cli.evaluate.selection import Selection
from eval_pipeline.cli.evaluate.show import outcome_json, show_lost_traces, show_outcome, show_stopped, way_to_go_on
from eval_pipeline.cli.servers.recording import recorder_at_hand
from eval_pipeline.cli.store_option import store_option
from eval_pipeline.defs.default_resources import store_resource
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.launching.launch import Request, RunBrokenError, Stopped, launch
from eval_pipeline.errors import InputError, PermanentError, Problem
from eval_pipeline.suite.checking.check import check_suite
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.user_code.stdout import stdout_for_result_only

GATE_FAILED = 1


@click.command()
@click.argument("suite")
@click.option("--case", "cases", multiple=True, metavar="ID", help="Evaluate this case; may be repeated.")
@click.option(
    "--split", "splits", multiple=True, metavar="S", help="Evaluate the cases of this split; may be repeated."
)
@click.option("--tag", "tags", multiple=True, metavar="T", help="Evaluate the cases with this tag; may be repeated.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Evaluate at most N cases.")
@click.option("--repetitions", type=click.IntRange(min=1), metavar="K", help="Make K attempts at each case.")
@click.option(
    "--resume",
    metavar="[EXPERIMENT]",
    is_flag=False,
    flag_value=LATEST,
    help="Go on with an experiment that was not finished, by default the latest; what is finished is kept.",
)
@click.option(
    "--reuse",
    type=click.Choice(["never", "unchanged"]),
    help="Whether results of earlier experiments stand for attempts of which nothing has changed.",
)
@click.option("--retry-errors", is_flag=True, help="With --resume: make attempts that erred again, too.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
def run(
    suite: str,
    cases: tuple[str, ...],
    splits: tuple[str, ...],
    tags: tuple[str, ...],
    limit: int | None,
    repetitions: int | None,
    resume: str | None,
    reuse: str | None,
    retry_errors: bool,  # noqa: FBT001 - click passes options by name
    store: str,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Evaluate SUITE (a name or a folder).

    Exits 0 if its blocking gates passed, 1 if one failed, 2 on bad input, 3 when the infrastructure failed.
    """
    with stdout_for_result_only() as stdout:
        found, checked, problems = check_suite(suite_folder(suite))
        if problems:
            raise InputError(problems)
        assert found is not None
        checked.sort(key=lambda case: case.id)
        all_cases = [case.id for case in checked]
        stored = store_resource(store)
        if resume is None:
            if retry_errors:
                raise InputError(Problem(message="--retry-errors is of --resume", fix="give --resume, or leave it out"))
            wanted = Selection(cases=cases, splits=splits, tags=tags, limit=limit)
            chosen = [case.id for case in wanted.of(checked)]
            request = Request(all_cases=all_cases, chosen=chosen, repetitions=repetitions, reuse=reuse)
        else:
            refuse_choice(
                {"--case": cases, "--split": splits, "--tag": tags, "--limit": limit, "--repetitions": repetitions}
            )
            request = replace(
                resume_request(stored.open(), found, resume, all_cases=all_cases, retry_errors=retry_errors),
                reuse=reuse,
            )
        del checked  # for as long as the run takes
        with (
            open_instance() as instance,
            recorder_at_hand(Path(instance.root_directory)) as langsmith,
            TerminalProgress(Console(stderr=True)) as progress,
        ):
            try:
                outcome = launch(
                    found,
                    request=request,
                    store=stored,
                    langsmith=langsmith,
                    instance=instance,
                    progress=progress,
                )
            except Stopped as stopped:
                if not as_json:
                    show_stopped(stored.open(), found.name, stopped.experiment, Console(file=stdout), given=suite)
                raise
            except RunBrokenError as broken:
                if (way := way_to_go_on(stored.open(), found.name, broken.experiment, given=suite)) is not None:
                    broken.add_note(way)
                raise
        if as_json:
            stdout.write(json.dumps(outcome_json(outcome), indent=2) + "\n")
        else:
            show_outcome(outcome, Console(file=stdout))
        show_lost_traces(outcome, Console(stderr=True), given=suite)
    counts = outcome.verdict.summary.status_counts
    if counts.get("error") == outcome.verdict.summary.attempts:
        fix = "see why in the table above; nothing was learnt about the target"
        raise PermanentError("every attempt broke", fix=fix)
    return 0 if outcome.verdict.passed else GATE_FAILED
