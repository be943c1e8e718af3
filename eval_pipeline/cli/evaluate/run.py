"""`eval-pipeline run SUITE`: evaluate a suite with a progress bar, and print its results."""

import json
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from eval_pipeline.cli.evaluate.changes import changed_suite, changes_options, set_variables
from eval_pipeline.cli.evaluate.choosing import choosing_options, chosen_cases, sampled
from eval_pipeline.cli.evaluate.ci import ci_options, write_for_ci
from eval_pipeline.cli.evaluate.progress import RunProgress, stderr_console
from eval_pipeline.cli.evaluate.resuming import check_resume, resume_options, resume_request
from eval_pipeline.cli.evaluate.selection import Selection, repetitions_option, selection_options
from eval_pipeline.cli.evaluate.show import (
    how_to_resume,
    outcome_json,
    show_interrupted,
    show_lost_traces,
    show_outcome,
)
from eval_pipeline.cli.options import json_option, store_option
from eval_pipeline.cli.servers.case_servers import recorder_of_cases
from eval_pipeline.cli.servers.recorder import recorder_at_hand
from eval_pipeline.defs.launching.execute import RunFailedError, RunInterruptedError
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.launching.launch import EvaluationRequest, launch
from eval_pipeline.defs.resources import store_resource
from eval_pipeline.errors import InputError, PermanentError
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.user_code.result_stdout import stdout_for_result_only

GATE_FAILED = 1


@click.command()
@click.argument("suite")
@selection_options
@choosing_options
@repetitions_option
@click.option(
    "--reuse",
    type=click.Choice(["never", "unchanged"]),
    help="Reuse results of earlier experiments if nothing they depend on has changed.  [default: as in suite.yaml]",
)
@changes_options
@resume_options("an unfinished experiment")
@ci_options
@store_option
@json_option
def run(
    suite: str,
    cases: tuple[str, ...],
    splits: tuple[str, ...],
    tags: tuple[str, ...],
    limit: int | None,
    failed: str | None,
    changed: bool,  # noqa: FBT001 - click passes options by name
    sample: int | None,
    seed: int | None,
    repetitions: int | None,
    reuse: str | None,
    model: str | None,
    max_concurrency: int | None,
    variables: tuple[str, ...],
    resume: str | None,
    retry_errors: bool,  # noqa: FBT001 - click passes options by name
    junit: Path | None,
    markdown: Path | None,
    store: str,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Evaluate a suite.

    Exit codes: 0 all blocking gates passed, 1 a blocking gate failed or is undecided, 2 invalid input, 3
    infrastructure failure, or every attempt ended in an error.
    """
    folder = suite_folder(suite)
    set_variables(variables)
    with stdout_for_result_only() as stdout, recorder_of_cases(folder):
        loaded, all_cases, problems = check_suite(folder)
        if problems:
            raise InputError(problems)
        assert loaded is not None
        loaded = changed_suite(loaded, model=model, max_concurrency=max_concurrency)
        all_cases.sort(key=lambda case: case.id)
        case_ids = [case.id for case in all_cases]
        stored = store_resource(store)
        fixed: dict[str, object] = {
            "--case": cases,
            "--split": splits,
            "--tag": tags,
            "--limit": limit,
            "--repetitions": repetitions,
        }
        fixed |= {"--failed": failed, "--changed": changed, "--sample": sample, "--seed": seed is not None}
        check_resume(resume=resume, retry_errors=retry_errors, fixed=fixed)
        if resume is None:
            of_kind = chosen_cases(all_cases, store=stored.open(), suite=loaded.name, failed=failed, changed=changed)
            selection = Selection(cases=cases, splits=splits, tags=tags)
            selected = sampled(selection.of(of_kind), sample, seed)[:limit]
            chosen = [case.id for case in selected]
            request = EvaluationRequest(all_cases=case_ids, chosen=chosen, repetitions=repetitions, reuse=reuse)
        else:
            request = replace(
                resume_request(stored.open(), loaded, resume, all_cases=case_ids, retry_errors=retry_errors),
                reuse=reuse,
            )
        del all_cases  # ten thousand cases take 25 MB, which the run does not need
        with (
            stderr_console() as console,
            open_instance() as instance,
            recorder_at_hand(Path(instance.root_directory)) as langsmith,
        ):
            try:
                with RunProgress(console) as progress:
                    outcome = launch(
                        loaded,
                        request=request,
                        store=stored,
                        langsmith=langsmith,
                        instance=instance,
                        progress=progress,
                    )
            except RunInterruptedError as interrupt:
                if not as_json:
                    show_interrupted(
                        stored.open(), loaded.name, interrupt.experiment, Console(file=stdout), given=suite
                    )
                raise
            except RunFailedError as error:
                if (hint := how_to_resume(stored.open(), loaded.name, error.experiment, given=suite)) is not None:
                    error.add_note(hint)
                raise
        write_for_ci(outcome, junit=junit, markdown=markdown)
        if as_json:
            stdout.write(json.dumps(outcome_json(outcome), indent=2) + "\n")
        else:
            show_outcome(outcome, Console(file=stdout))
        show_lost_traces(outcome, Console(stderr=True), given=suite)
    counts = outcome.verdict.summary.status_counts
    if counts.get("error") == outcome.verdict.summary.attempts:
        raise PermanentError("every attempt ended in an error", fix="see the errors in the table above")
    return 0 if outcome.verdict.passed else GATE_FAILED
