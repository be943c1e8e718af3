"""Cutting what is left of a run into tasks.

A task has a name, under which its results are in the store, and a case has to be of the same task in every run: a
worker of a run that was killed may still evaluate it. So the whole dataset is cut, in its order, and a run takes what
it needs of each piece.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.results.result_log import AttemptKey
from eval_pipeline.workers.task import WorkerTask


@dataclass(frozen=True, kw_only=True)
class Portion:
    """A task, and the attempts that are to be made of it."""

    task: WorkerTask
    attempts: Sequence[Attempt]

    @property
    def keys(self) -> set[AttemptKey]:
        """The attempts, by case and number."""
        return {(attempt.case.id, attempt.number) for attempt in self.attempts}


def plan_tasks(
    dataset: Sequence[str],
    left: Iterable[Attempt],
    *,
    cases_per_task: int,
    finished: Iterable[AttemptKey],
    like: Mapping[str, object],
) -> list[Portion]:
    """Tasks for the attempts that are left.

    Args:
        dataset: the ids of all cases of the experiment's dataset, in its order.
        left: attempts to be made, of these cases.
        cases_per_task: how many cases of the dataset a task is of.
        finished: attempts that need not be made.
        like: fields that all tasks have in common.
    """
    place = {case_id: position for position, case_id in enumerate(dataset)}
    pieces: dict[int, dict[str, list[Attempt]]] = {}
    for attempt in left:
        piece = pieces.setdefault(place[attempt.case.id] // cases_per_task, {})
        piece.setdefault(attempt.case.id, []).append(attempt)
    numbers: dict[str, list[int]] = {}
    for case_id, number in finished:
        numbers.setdefault(case_id, []).append(number)
    return [
        Portion(
            task=WorkerTask.model_validate(
                {
                    **like,
                    "task": task_name(piece, cases_per_task, of=len(dataset)),
                    "case_ids": sorted(cases, key=place.__getitem__),
                    "finished": {case_id: sorted(numbers[case_id]) for case_id in cases if case_id in numbers},
                }
            ),
            attempts=[attempt for case_id in sorted(cases, key=place.__getitem__) for attempt in cases[case_id]],
        )
        for piece, cases in sorted(pieces.items())
    ]


def task_name(piece: int, cases_per_task: int, *, of: int) -> str:
    """The name of the task that has a piece of a dataset of `of` cases; it holds their places, counted from 1."""
    return f"cases{piece * cases_per_task + 1}to{min(of, (piece + 1) * cases_per_task)}"
