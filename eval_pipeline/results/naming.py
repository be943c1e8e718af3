"""From the name of an experiment to its suite."""

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.experiment_record import find_experiment
from eval_pipeline.store.store import Store


def suite_of(store: Store, experiment: str) -> str:
    """The suite of an experiment.

    An experiment is named after its suite (`experiment_name`), and a suite's name has no `-`.

    Raises:
        InputError: there is no such experiment.
    """
    suite = experiment.partition("-")[0]
    if not suite or find_experiment(store, suite, experiment) is None:
        message = f"there is no experiment {experiment!r} in {store.root}"
        raise InputError(
            Problem(message=message, fix="give the name that `eval-pipeline run` printed, and its --store")
        )
    return suite
