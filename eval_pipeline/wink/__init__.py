"""Adapters for WINK, the library `weakincentives` (Python 3.12 or newer): telemetry, prompt overrides, optimizer.

The library is imported when an adapter is used. The target `kind: wink` stands with the other kinds in `targets`.
"""

from eval_pipeline.wink.config import LangSmithConfig
from eval_pipeline.wink.optimizer import ComparisonResult, EvaluationResult, LangSmithEvaluatedOptimizer
from eval_pipeline.wink.overrides_store import LangSmithPromptOverridesStore
from eval_pipeline.wink.telemetry import LangSmithTelemetryHandler

__all__ = [
    "ComparisonResult",
    "EvaluationResult",
    "LangSmithConfig",
    "LangSmithEvaluatedOptimizer",
    "LangSmithPromptOverridesStore",
    "LangSmithTelemetryHandler",
]
