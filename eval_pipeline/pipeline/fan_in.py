"""Several runs of one launch, and the one of them that ends it.

A schedule asks for several runs where a suite has more cases than one should take. Each evaluates its share; the run
that finds every case of the experiment done makes the summary, once. A share that failed holds the summary up until
its retry, which is then the last.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.layout import fan_in_key
from eval_pipeline.store.store import Store


def shares_of(keys: Sequence[str], most: int) -> list[Sequence[str]]:
    """`keys`, in order, in as few shares as hold `most` each at most, of about equal size."""
    count = max(1, -(-len(keys) // most))
    bounds = [round(index * len(keys) / count) for index in range(count + 1)]
    return [keys[first:last] for first, last in pairwise(bounds)]


def everything_done(store: Store, record: ExperimentRecord, planned: Mapping[str, Iterable[int]]) -> bool:
    """Whether every planned attempt has a row, be it that it was skipped."""
    rows = read_results(store, record.suite, record.experiment, columns=["status"])
    there = set(zip(rows.column("case_id").to_pylist(), rows.column("attempt").to_pylist(), strict=True))
    return all((case_id, number) in there for case_id, numbers in planned.items() for number in numbers)


def claim_end(store: Store, record: ExperimentRecord, root_run_id: str) -> bool:
    """Whether a run, or a try of it before, is the one that ends the launch: of several that end at once, one is."""
    key = fan_in_key(record.suite, record.experiment)
    return store.put_if_absent(key, root_run_id.encode()) or store.get(key) == root_run_id.encode()
