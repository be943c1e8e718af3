"""What a suite has watched, as written under `sensors:` in `suite.yaml`.

    sensors:
      dataset_changed: {enabled: true}
      run_failed: {enabled: true, webhook_variable: EVAL_PIPELINE_WEBHOOK, shape: slack}

Belongs here: the models. Does not belong here: watching (`eval_pipeline.sensors`).
"""

from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.document import Document

WebhookShape = Literal["slack", "json"]
DEFAULT_WEBHOOK_VARIABLE = "EVAL_PIPELINE_WEBHOOK"


class DatasetChanged(Document):
    """Looks at the files of the cases; new and changed cases are evaluated, removed ones lose their partitions."""

    enabled: bool = False
    """Whether the sensor is on without anybody switching it on in the UI."""
    interval_s: int = Field(default=60, ge=5)


class RunFailed(Document):
    """Tells a webhook of each run of the suite that failed."""

    enabled: bool = False
    """Whether the sensor is on without anybody switching it on in the UI."""
    webhook_variable: str = DEFAULT_WEBHOOK_VARIABLE
    """The environment variable that holds the URL, which is a secret: it is never written in a file or a log."""
    shape: WebhookShape = "json"
    """`slack` is what Slack's incoming webhooks take; `json` has the parts by name."""
    interval_s: int = Field(default=30, ge=5)

    @field_validator("webhook_variable")
    @classmethod
    def _names_a_variable(cls, value: str) -> str:
        if not value.replace("_", "").isalnum() or value[0].isdigit():
            # The value may be the URL itself, so it is not repeated.
            reason = {"fix": f"write the name of the variable that holds the URL, such as {DEFAULT_WEBHOOK_VARIABLE}"}
            raise PydanticCustomError("variable", "not the name of an environment variable", reason)
        return value


class Sensors(Document):
    """All that may be watched."""

    dataset_changed: DatasetChanged = DatasetChanged()
    run_failed: RunFailed = RunFailed()
