"""Compute the ids of examples, experiments, feedback and queues, so that every process gets the same ones."""

import uuid

_NAMESPACE = uuid.UUID("6f1d2a52-4d43-5b0c-9d5e-0c6f3a1f8e11")


def example_id(dataset_id: uuid.UUID | str, case_id: str) -> uuid.UUID:
    """The id of a case's example.

    It depends on the dataset's id rather than the suite's name: an id may be used only once on a whole server, and two
    teams may have suites of the same name.
    """
    return uuid.uuid5(_NAMESPACE, f"example\0{dataset_id}\0{case_id}")


def session_id(dataset_id: uuid.UUID | str, experiment: str) -> uuid.UUID:
    """The id of an experiment's project."""
    return uuid.uuid5(_NAMESPACE, f"session\0{dataset_id}\0{experiment}")


def feedback_id(run_id: str, key: str) -> uuid.UUID:
    """The id of one score of one run: sent twice, it is stored once."""
    return uuid.uuid5(_NAMESPACE, f"feedback\0{run_id}\0{key}")


def queue_id(suite: str, name: str) -> uuid.UUID:
    """The id that a suite's queue is created with, so that two processes that create it at once create one."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"eval_pipeline/annotation_queue/{suite}/{name}")
