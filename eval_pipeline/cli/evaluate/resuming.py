"""The options `--resume` and `--retry-errors`: which experiment a run continues, and which of its cases."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from eval_pipeline.defs.launching.launch import EvaluationRequest
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.pipeline.run_plan import planned_cases
from eval_pipeline.results.experiment_record import find_experiment, latest_experiment
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.suite.suite import Suite

LATEST = "latest"


def resume_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options `--resume [NAME]` and `--retry-errors`; `what` is what the command resumes."""
    resume = click.option(
        "--resume",
        metavar="[NAME]",
        is_flag=False,
        flag_value=LATEST,
        help=f"Resume {what}, by default the latest. Finished attempts are kept.",
    )
    retry = click.option("--retry-errors", is_flag=True, help="With --resume: repeat attempts that ended in an error.")
    return lambda command: resume(retry(command))


def resume_request(
    store: Store, suite: Suite, experiment: str, *, all_cases: Sequence[str], retry_errors: bool
) -> EvaluationRequest:
    """The request that resumes an experiment: the cases that its runs planned, as its record pins them.

    Args:
        store: where the experiment is.
        suite: the suite of the experiment.
        experiment: its name, or `latest`.
        all_cases: the ids of the suite's cases now.
        retry_errors: whether to repeat attempts that ended in an error.

    Raises:
        InputError: there is no such experiment.
    """
    name = suite.name
    record = latest_experiment(store, name) if experiment == LATEST else find_experiment(store, name, experiment)
    if record is None:
        missing = "there is no experiment" if experiment == LATEST else f"there is no experiment {experiment!r}"
        fix = "run the suite without --resume, or name an experiment in that store"
        raise InputError(Problem(message=f"{missing} of {name} in {store.root}", fix=fix))
    if record.variant is not None:
        message = f"{record.experiment} belongs to a comparison of variants"
        comparison = record.experiment.removesuffix(f"-{record.variant}")
        fix = f"resume the comparison: `eval-pipeline variants run {name} --resume {comparison}`"
        raise InputError(Problem(message=message, fix=fix))
    planned = set(planned_cases(store, name, record.experiment))
    chosen = [case.id for case in written_cases(store, suite, record.dataset_version, planned)]
    if not chosen:
        message = f"{record.experiment} was stopped before it began to evaluate cases"
        raise InputError(Problem(message=message, fix="run the suite without --resume"))
    # A case that was removed since is evaluated as pinned; its partition is deleted when no run is in progress.
    return EvaluationRequest(
        all_cases=list(dict.fromkeys([*all_cases, *chosen])),
        chosen=chosen,
        repetitions=record.repetitions,
        resumed=record,
        retry_errors=retry_errors,
    )


def check_resume(*, resume: str | None, retry_errors: bool, fixed: Mapping[str, object]) -> None:
    """Check that the options of a command go together.

    Args:
        resume: the value of `--resume`.
        retry_errors: the value of `--retry-errors`.
        fixed: the values of the options that a resumed experiment or comparison fixes, by name.

    Raises:
        InputError: they do not.
    """
    if resume is None:
        if retry_errors:
            problem = Problem(message="--retry-errors requires --resume", fix="add --resume, or remove --retry-errors")
            raise InputError(problem)
        return
    given = [name for name, value in fixed.items() if value]
    if given:
        message = f"{', '.join(given)} cannot be used with --resume: a resumed experiment keeps its own"
        raise InputError(Problem(message=message, fix=f"remove {', '.join(given)}, or run without --resume"))
