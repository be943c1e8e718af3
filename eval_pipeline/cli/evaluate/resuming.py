"""`--resume`: which experiment to go on with, and which of its cases."""

from collections.abc import Sequence

from eval_pipeline.defs.launching.launch import Request
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.pipeline.run_plan import planned_cases
from eval_pipeline.results.experiment_record import find_experiment, latest_experiment
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.suite.suite import Suite

LATEST = "latest"


def resume_request(
    store: Store, suite: Suite, experiment: str, *, all_cases: Sequence[str], retry_errors: bool
) -> Request:
    """What goes on with an experiment: the cases that its runs undertook, as its record pins them.

    Args:
        store: where it is.
        suite: its suite.
        experiment: its name, or `latest`.
        all_cases: the ids of the suite's cases now.
        retry_errors: whether attempts that erred are made again.

    Raises:
        InputError: there is no such experiment.
    """
    name = suite.name
    record = latest_experiment(store, name) if experiment == LATEST else find_experiment(store, name, experiment)
    if record is None:
        named = "there is no experiment" if experiment == LATEST else f"there is no experiment {experiment!r}"
        fix = "run the suite without --resume, or name one of the folders there"
        raise InputError(Problem(message=f"{named} of {name} in {store.root}", fix=fix))
    if record.variant is not None:
        message = f"{record.experiment} is of a comparison of variants"
        comparison = record.experiment.removesuffix(f"-{record.variant}")
        fix = f"go on with all of it: `eval-pipeline variants run {name} --resume {comparison}`"
        raise InputError(Problem(message=message, fix=fix))
    undertaken = set(planned_cases(store, name, record.experiment))
    chosen = [case.id for case in written_cases(store, suite, record.dataset_version, undertaken)]
    if not chosen:
        message = f"{record.experiment} ended before it undertook any case"
        raise InputError(Problem(message=message, fix="run the suite without --resume"))
    # Cases that were removed since are evaluated as pinned; their partitions go when nothing is in flight.
    return Request(
        all_cases=list(dict.fromkeys([*all_cases, *chosen])),
        chosen=chosen,
        repetitions=record.repetitions,
        resumed=record,
        retry_errors=retry_errors,
    )


def refuse_choice(options: dict[str, object]) -> None:
    """An experiment has its cases.

    Raises:
        InputError: others were asked for.
    """
    given = [name for name, value in options.items() if value]
    if given:
        message = f"{', '.join(given)} cannot be given with --resume: the experiment has its cases and repetitions"
        raise InputError(Problem(message=message, fix="leave them out, or run without --resume"))
