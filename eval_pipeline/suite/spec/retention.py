"""How long results are kept, as written under `retention:` in `suite.yaml`.

For example:

    retention: {experiments: 90d, keep_baselines: true, contexts: unreferenced}
"""

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document

_AGE = re.compile(r"([1-9]\d{0,4})([dw])")
_DAYS = {"d": 1, "w": 7}


def _is_age(value: str) -> str:
    if not _AGE.fullmatch(value):
        reason = {"value": value, "fix": "write days or weeks, such as `90d` or `12w`"}
        raise PydanticCustomError("age", "'{value}' is not an age", reason)
    return value


class Retention(Document):
    """What `eval-pipeline prune` deletes; nothing by default, and never what something that is kept refers to."""

    experiments: Annotated[str, AfterValidator(_is_age)] | None = None
    """The age, such as `90d`, after which experiments are deleted with their traces in the recorder and their runs in
    Dagster. The latest of the suite and of each variant are kept, and so are those that promotions name or whose
    results were reused."""
    keep_baselines: bool = True
    """Whether the baseline that was set and the experiments that may be one, the last and the first that passed, are
    kept whatever their age."""
    contexts: Literal["all", "unreferenced"] = "all"
    """`unreferenced` deletes snapshots and datasets that no experiment refers to, and that are not the latest."""

    @property
    def age(self) -> dt.timedelta | None:
        """The age of experiments; None if they are kept."""
        match = None if self.experiments is None else _AGE.fullmatch(self.experiments)
        return None if match is None else dt.timedelta(days=int(match[1]) * _DAYS[match[2]])
