"""What a suite has watched, as written under `sensors:` in `suite.yaml`.

sensors:
dataset_changed: {enabled: true}
run_failed: {enabled: true, webhook_variable: EVAL_PIPELINE_WEBHOOK, shape: slack}
prompt_committed: {enabled: true, shape: slack}
prompt_regressed: {enabled: true, shape: slack}
"""

from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document

WebhookShape = Literal["slack", "json"]
DEFAULT_WEBHOOK_VARIABLE = "EVAL_PIPELINE_WEBHOOK"


class DatasetChanged(Document):
    """Looks at the files of the cases; new and changed cases are evaluated, removed ones lose their partitions."""

    enabled: bool = False
    """Whether the sensor is on without anybody switching it on in the UI."""
    interval_s: int = Field(default=60, ge=5)


class Telling(Document):
    """A sensor that tells a webhook."""

    enabled: bool = False
    """Whether the sensor is on without anybody switching it on in the UI."""
    webhook_variable: str = DEFAULT_WEBHOOK_VARIABLE
    """The environment variable that holds the URL, which is a secret: it is never written in a file or a log."""
    shape: WebhookShape = "json"
    """`slack` is what Slack's incoming webhooks take; `json` has the parts by name."""

    @field_validator("webhook_variable")
    @classmethod
    def _names_a_variable(cls, value: str) -> str:
        if not value.replace("_", "").isalnum() or value[0].isdigit():
            # The value may be the URL itself, so it is not repeated.
            reason = {"fix": f"write the name of the variable that holds the URL, such as {DEFAULT_WEBHOOK_VARIABLE}"}
            raise PydanticCustomError("variable", "not the name of an environment variable", reason)
        return value


class RunFailed(Telling):
    """Tells a webhook of each run of the suite that failed."""

    interval_s: int = Field(default=30, ge=5)


class PromptCommitted(Telling):
    """Evaluates each new commit of the target's prompt against the tag in use, and tells a webhook what came of it."""

    interval_s: int = Field(default=60, ge=5)
    promote: bool = False
    """Whether a commit that wins is promoted, as `promotion:` says; without it only a person's own comparisons are."""


class PromptRegressed(Telling):
    """Takes a promotion back when the runs after it are significantly worse than those before.

    A webhook is told of promotions, and of what became of them.
    """

    interval_s: int = Field(default=60, ge=5)
    nights: int = Field(default=1, ge=1, le=30)
    """How many runs after a promotion decide about it. With several, each is held against 0.05 / nights, so that a
    promotion that made nothing worse is taken back once in twenty times at most, however many there are."""


class Sensors(Document):
    """All that may be watched."""

    dataset_changed: DatasetChanged = DatasetChanged()
    run_failed: RunFailed = RunFailed()
    prompt_committed: PromptCommitted = PromptCommitted()
    prompt_regressed: PromptRegressed = PromptRegressed()
