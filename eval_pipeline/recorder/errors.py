"""The recorder's own exceptions."""

from eval_pipeline.errors import EvalPipelineError


class RecorderError(EvalPipelineError):
    """Base of what the recorder raises."""
