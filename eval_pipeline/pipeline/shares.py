"""The shares of a launch of several runs, and which of the runs ends the launch.

A schedule asks for several runs where a suite has more cases than one run should evaluate. The run that finds every
case of the experiment done makes the summary, once. A share that failed delays the summary until its retry, which is
then the last.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.store.layout import fan_in_key
from eval_pipeline.store.store import Store


def shares_of(keys: Sequence[str], most: int) -> list[Sequence[str]]:
    """`keys`, in order, in as few shares as hold `most` each at most, of about equal size."""
    count = max(1, -(-len(keys) // most))
    bounds = [round(index * len(keys) / count) for index in range(count + 1)]
    return [keys[first:last] for first, last in pairwise(bounds)]


def everything_done(store: Store, record: ExperimentRecord, planned: Mapping[str, Iterable[int]]) -> bool:
    """Whether every planned attempt, by case its numbers, has a row; that of a skipped one counts."""
    attempts = ResultLogView.open(store, record.suite, record.experiment).attempts
    return all((case_id, number) in attempts for case_id, numbers in planned.items() for number in numbers)


def claim_end(store: Store, record: ExperimentRecord, root_run_id: str) -> bool:
    """Whether a run, or its first try, is the one that ends the launch: of several that end at once, one is."""
    key = fan_in_key(record.suite, record.experiment)
    return store.put_if_absent(key, root_run_id.encode()) or store.get(key) == root_run_id.encode()
