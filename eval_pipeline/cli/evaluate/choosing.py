"""The options `--failed`, `--changed` and `--sample` of `run`: cases by what became of them, or by chance."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import click

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.case_result import NOT_PASSED
from eval_pipeline.results.experiment_record import ExperimentRecord, find_experiment, latest_experiment
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import stored_cases

LATEST = "latest"


def choosing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--failed`, `--changed`, `--sample` and `--seed`, as `failed`, `changed`, `sample`, `seed`."""
    options = (
        click.option(
            "--failed",
            metavar="[EXPERIMENT]",
            is_flag=False,
            flag_value=LATEST,
            help="Only cases of which an attempt did not pass in an experiment, by default the latest.",
        ),
        click.option("--changed", is_flag=True, help="Only cases that are new or edited since the latest experiment."),
        click.option(
            "--sample", type=click.IntRange(min=1), metavar="N", help="N cases by chance, of each split its share."
        ),
        click.option("--seed", type=int, metavar="S", help="Of --sample: equal seeds draw equal cases.  [default: 0]"),
    )
    for option in reversed(options):
        command = option(command)
    return command


def chosen_cases(cases: Sequence[Case], *, store: Store, suite: str, failed: str | None, changed: bool) -> list[Case]:
    """The cases that `--failed` and `--changed` choose.

    Raises:
        InputError: there is no such experiment, or no case is chosen.
    """
    chosen = list(cases)
    if failed is not None:
        record = _experiment(store, suite, failed, option="--failed")
        rows = read_results(store, suite, record.experiment, columns=["status"]).to_pylist()
        not_passed = {row["case_id"] for row in rows if row["status"] in NOT_PASSED}
        chosen = [case for case in chosen if case.id in not_passed]
        if not chosen:
            message = f"--failed: no case of {suite} failed in {record.experiment}"
            raise InputError(Problem(message=message, fix="leave out --failed, or name another experiment"))
    if changed:
        record = _experiment(store, suite, LATEST, option="--changed")
        attempted = {row["case_id"] for row in read_results(store, suite, record.experiment, columns=[]).to_pylist()}
        before = {
            case.id: case.content_hash() for case in stored_cases(store, suite, record.dataset_version, attempted)
        }
        chosen = [case for case in chosen if before.get(case.id) != case.content_hash()]
        if not chosen:
            message = f"--changed: every case is as it was in {record.experiment}"
            raise InputError(Problem(message=message, fix="leave out --changed"))
    return chosen


def _experiment(store: Store, suite: str, name: str, *, option: str) -> ExperimentRecord:
    record = latest_experiment(store, suite) if name == LATEST else find_experiment(store, suite, name)
    if record is None:
        missing = "there is no experiment" if name == LATEST else f"there is no experiment {name!r}"
        fix = f"leave out {option}, or correct --store"
        raise InputError(Problem(message=f"{option}: {missing} of {suite} in {store.root}", fix=fix))
    return record


def sampled(cases: Sequence[Case], number: int | None, seed: int | None) -> list[Case]:
    """`number` of the cases by chance, in their order, of each split its share; all of them without a number.

    A case is drawn by a hash of the seed and its id, so that a sample changes little when cases are added.

    Raises:
        InputError: a seed without a number.
    """
    if number is None:
        if seed is not None:
            raise InputError(Problem(message="--seed requires --sample", fix="add --sample, or remove --seed"))
        return list(cases)
    by_split: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_split[case.split].append(case)
    drawn: set[str] = set()
    for split, share in _shares({split: len(own) for split, own in by_split.items()}, number).items():
        ordered = sorted(by_split[split], key=lambda case: hashlib.sha256(f"{seed or 0}:{case.id}".encode()).digest())
        drawn.update(case.id for case in ordered[:share])
    return [case for case in cases if case.id in drawn]


def _shares(sizes: dict[str, int], number: int) -> dict[str, int]:
    """How many of each split: its share of `number`, one at least where there are enough, by the largest remainders."""
    total = sum(sizes.values())
    number = min(number, total)
    exact = {split: number * size / total for split, size in sizes.items()}
    least = 1 if number >= len(sizes) else 0
    shares = {split: max(least, int(share)) for split, share in exact.items()}
    by_remainder = sorted(exact, key=lambda split: (int(exact[split]) - exact[split], split))
    while sum(shares.values()) < number:
        split = min(
            (each for each in by_remainder if shares[each] < sizes[each]), key=lambda each: shares[each] - exact[each]
        )
        shares[split] += 1
    while sum(shares.values()) > number:
        split = max(
            (each for each in by_remainder if shares[each] > least), key=lambda each: shares[each] - exact[each]
        )
        shares[split] -= 1
    return shares
