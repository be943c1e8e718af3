"""Ids that come out the same whoever works them out: of examples, experiments and feedback."""

import uuid

_NAMESPACE = uuid.UUID("6f1d2a52-4d43-5b0c-9d5e-0c6f3a1f8e11")


def example_id(dataset_id: uuid.UUID | str, case_id: str) -> uuid.UUID:
    """The id of a case's example.

    It hangs on the dataset's id rather than the suite's name: an id may be taken only once on a whole server, and two
    teams may well have suites of one name.
    """
    return uuid.uuid5(_NAMESPACE, f"example\0{dataset_id}\0{case_id}")


def session_id(dataset_id: uuid.UUID | str, experiment: str) -> uuid.UUID:
    """The id of an experiment's project."""
    return uuid.uuid5(_NAMESPACE, f"session\0{dataset_id}\0{experiment}")


def feedback_id(run_id: str, key: str) -> uuid.UUID:
    """The id of one score of one run: sent twice, it is there once."""
    return uuid.uuid5(_NAMESPACE, f"feedback\0{run_id}\0{key}")
