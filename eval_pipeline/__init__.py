"""Evaluate LangChain / LangGraph agents at scale, as a Dagster project.

Query the shared context once, evaluate every case against it. Sub-packages, left to right in the direction data
flows: `suite`, `context`, `evaluation`, `experiment`; `assets` is their Dagster face. Nothing is imported before it is
asked for, so that `import eval_pipeline` stays free of cost.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval_pipeline.results.frame import load_results
    from eval_pipeline.variants.evaluation_result import EvaluationResult, compare_variants, evaluation_results

__all__ = ["EvaluationResult", "compare_variants", "evaluation_results", "load_results"]

_HOMES = {
    "EvaluationResult": "eval_pipeline.variants.evaluation_result",
    "compare_variants": "eval_pipeline.variants.evaluation_result",
    "evaluation_results": "eval_pipeline.variants.evaluation_result",
    "load_results": "eval_pipeline.results.frame",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
