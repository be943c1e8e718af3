"""The limits of an attempt, as written under `limits:` in `suite.yaml`."""

from pydantic import Field

from eval_pipeline.suite.documents.document import Document


class AttemptLimits(Document):
    """What the target may use in one attempt.

    When a limit is reached the attempt ends. It is scored on what it has, and its status is `limit`, which no error is.
    """

    seconds: float | None = Field(default=None, gt=0)
    """Of the target's own time, without waiting for a provider's limits."""
    turns: int | None = Field(default=None, ge=1)
    """Of the conversation, those of a simulated user included."""
    model_calls: int | None = Field(default=None, ge=0)
    """Calls of chat models by the target, as their runs show them."""
    tool_calls: int | None = Field(default=None, ge=0)
    """Calls of tools, as runs or reported events show them."""
    tokens: int | None = Field(default=None, gt=0)
    """Input and output tokens of the target; the next call of a model does not begin."""
    cost_usd: float | None = Field(default=None, gt=0)
    """As `tokens`. A model without a price has no cost."""
    repeats: int | None = Field(default=None, ge=1)
    """How often a tool may be called with the same arguments: an agent that goes round in a loop ends."""

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return any(getattr(self, name) is not None for name in type(self).model_fields)
