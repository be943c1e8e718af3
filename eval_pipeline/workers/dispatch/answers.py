"""Answers that are read from the store, where the worker itself cannot be asked."""

from pydantic import ValidationError

from eval_pipeline.store.layout import answer_key
from eval_pipeline.store.store import Store
from eval_pipeline.workers.task import TaskAnswer, WorkerTask


def stored_answer(store: Store, task: WorkerTask) -> TaskAnswer | None:
    """The answer to this call of a task; None if there is none, or only one to another call.

    Raises:
        TransientError: the store cannot be reached.
    """
    data = store.get(answer_key(task.suite, task.experiment, task.task))
    try:
        answer = None if data is None else TaskAnswer.model_validate_json(data)
    except ValidationError:
        return None
    return answer if answer is not None and answer.call == task.call else None
