"""Ids that come out the same whoever works them out: of examples, feedback and datasets' versions.

Belongs here: uuid5 of what identifies a thing. Does not belong here: ids of runs, which tell their time (`run.py`).
"""

import uuid

_NAMESPACE = uuid.UUID("6f1d2a52-4d43-5b0c-9d5e-0c6f3a1f8e11")


def example_id(suite: str, case_id: str) -> uuid.UUID:
    """The id of a case's example in the suite's dataset."""
    return uuid.uuid5(_NAMESPACE, f"example\0{suite}\0{case_id}")


def feedback_id(run_id: str, key: str) -> uuid.UUID:
    """The id of one score of one run: sent twice, it is there once."""
    return uuid.uuid5(_NAMESPACE, f"feedback\0{run_id}\0{key}")
