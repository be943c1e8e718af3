"""The experiment that a command is about."""

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.experiment_record import ExperimentRecord, latest_experiment, read_experiment
from eval_pipeline.store.store import Store


def chosen_experiment(store: Store, suite: str, experiment: str | None) -> ExperimentRecord:
    """The named experiment of a suite, or the one begun last.

    Raises:
        InputError: there is none.
    """
    record = latest_experiment(store, suite) if experiment is None else read_experiment(store, suite, experiment)
    if record is None:
        problem = Problem(message=f"{suite} has no experiment yet", fix=f"eval-pipeline run {suite}", file=store.root)
        raise InputError(problem)
    return record
