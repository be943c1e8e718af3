"""Options and arguments that several commands share."""

from pathlib import Path

import click

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.experiment_record import (
    ExperimentRecord,
    experiments_newest_first,
    find_experiment,
    latest_experiment,
    suites_with_experiments,
)
from eval_pipeline.settings import DEFAULT_STORE, STORE_VARIABLE
from eval_pipeline.store.store import Store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import SUITE_FILE, Suite, read_suite
from eval_pipeline.wording import nearest
from eval_pipeline.working_folder import working_folder

store_option = click.option(
    "--store",
    envvar=STORE_VARIABLE,
    default=DEFAULT_STORE,
    metavar="URI",
    help="Store that holds datasets and results: a folder or s3://bucket/prefix.  "
    f"[default: {STORE_VARIABLE}, or {DEFAULT_STORE}]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
experiment_option = click.option("--experiment", metavar="NAME", help="Experiment to use.  [default: the latest]")


suite_option = click.option(
    "--suite", "given_suite", metavar="SUITE", help="Suite of the experiments, by folder.  [default: found by its name]"
)


def suite_of_experiments(name: str, given: str | None) -> Suite:
    """The suite of experiments: the one given, or the one of that name here or among those that are found.

    Raises:
        InputError: there is no such suite, or it has another name.
    """
    here = working_folder()
    if given is None and (here / SUITE_FILE).is_file() and read_suite(here).name == name:
        return read_suite(here)
    suite = read_suite(suite_folder(given or name))
    if suite.name != name:
        problem = Problem(message=f"the experiments are of {name}, not of {suite.name}", fix="give its folder")
        raise InputError(problem)
    return suite


def experiment_or_latest(store: Store, suite: str, experiment: str | None) -> ExperimentRecord:
    """The record of the named experiment of a suite, or of its latest experiment.

    Raises:
        InputError: the suite has no such experiment.
    """
    record = latest_experiment(store, suite) if experiment is None else find_experiment(store, suite, experiment)
    if record is None and experiment is not None:
        message = f"{suite} has no experiment {experiment!r} in {store.root}"
        names = [each.experiment for each in experiments_newest_first(store, suite)]
        fix = nearest(experiment, names, none="give the --store that it was run with")
        raise InputError(Problem(message=message, fix=fix))
    if record is None:
        problem = Problem(message=f"{suite} has no experiment yet", fix=f"eval-pipeline run {suite}", file=store.root)
        raise InputError(problem)
    return record


def suite_with_experiments(store: Store, name_or_folder: str) -> str:
    """The name of a suite, given by its folder or its name: also one that has experiments, and no folder here.

    Raises:
        InputError: there is no such suite.
    """
    names = suites_with_experiments(store)
    return name_or_folder if name_or_folder in names else read_suite(suite_folder(name_or_folder)).name


def experiment_named(store: Store, name: str) -> ExperimentRecord:
    """The record of the experiment `name`, or the latest experiment of the suite of that name or folder.

    Raises:
        InputError: there is neither.
    """
    suite = name.partition("-")[0]
    if suite and "/" not in name and (record := find_experiment(store, suite, name)) is not None:
        return record
    latest = latest_experiment(store, name) if "/" not in name else None
    if latest is None and (Path(name) / SUITE_FILE).is_file():
        latest = latest_experiment(store, read_suite(Path(name)).name)
    if latest is not None:
        return latest
    known = [each.experiment for each in experiments_newest_first(store, suite)] if "/" not in suite else []
    fix = nearest(name, [*known, *suites_with_experiments(store)], none="eval-pipeline run SUITE")
    raise InputError(Problem(message=f"there is no experiment {name!r} in {store.root}", fix=fix))
