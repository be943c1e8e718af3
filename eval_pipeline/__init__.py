"""Evaluate LangChain and LangGraph agents at scale, as a Dagster project.

Names are imported when they are first used, so that `import eval_pipeline` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval_pipeline.analysis.results_frame import load_results
    from eval_pipeline.analysis.statistics.estimate import estimate
    from eval_pipeline.context.retriever import SharedContextRetriever
    from eval_pipeline.context.shared_context import SharedContext, get_shared_context
    from eval_pipeline.defs.build import build_definitions
    from eval_pipeline.defs.component import EvalSuiteComponent
    from eval_pipeline.errors import EvalPipelineError
    from eval_pipeline.models.opening import chat_model
    from eval_pipeline.pipeline.runner import EvalRunner
    from eval_pipeline.prompts.current import current_prompt, prompt_text
    from eval_pipeline.suite.attachments import current_attachments
    from eval_pipeline.telemetry import emit, turn
    from eval_pipeline.tracing.collect.telemetry import LangSmithTelemetry
    from eval_pipeline.variants.evaluation_result import EvaluationResult, compare_variants, evaluation_results

__all__ = [
    "EvalPipelineError",
    "EvalRunner",
    "EvalSuiteComponent",
    "EvaluationResult",
    "LangSmithTelemetry",
    "SharedContext",
    "SharedContextRetriever",
    "build_definitions",
    "chat_model",
    "compare_variants",
    "current_attachments",
    "current_prompt",
    "emit",
    "estimate",
    "evaluation_results",
    "get_shared_context",
    "load_results",
    "prompt_text",
    "turn",
]

_MODULES = {
    "EvalPipelineError": "errors",
    "EvalRunner": "pipeline.runner",
    "EvalSuiteComponent": "defs.component",
    "EvaluationResult": "variants.evaluation_result",
    "LangSmithTelemetry": "tracing.collect.telemetry",
    "SharedContext": "context.shared_context",
    "SharedContextRetriever": "context.retriever",
    "build_definitions": "defs.build",
    "chat_model": "models.opening",
    "compare_variants": "variants.evaluation_result",
    "current_attachments": "suite.attachments",
    "current_prompt": "prompts.current",
    "emit": "telemetry",
    "estimate": "analysis.statistics.estimate",
    "evaluation_results": "variants.evaluation_result",
    "get_shared_context": "context.shared_context",
    "load_results": "analysis.results_frame",
    "prompt_text": "prompts.current",
    "turn": "telemetry",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
