"""What the model calls made within a piece of work use, whoever makes them."""

import contextlib
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook
from typing_extensions import override

from eval_pipeline.results.case_result import ModelUsage

UNNAMED = "a model without a name"


class Meter(BaseCallbackHandler):
    """Adds up what each model used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, ModelUsage] = {}

    @property
    def usage(self) -> tuple[ModelUsage, ...]:
        """So far, one entry a model, by name."""
        with self._lock:
            return tuple(sorted(self._used.values(), key=lambda entry: entry["model"]))

    @override
    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        for generations in response.generations:
            for generation in generations[:1]:
                if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                    self._add(generation.message)

    def _add(self, message: AIMessage) -> None:
        used = message.usage_metadata
        if used is None:
            return
        model = str(message.response_metadata.get("model_name") or UNNAMED)
        with self._lock:
            entry = self._used.setdefault(
                model, ModelUsage(model=model, input_tokens=0, output_tokens=0, cached_tokens=0)
            )
            entry["input_tokens"] += used["input_tokens"]
            entry["output_tokens"] += used["output_tokens"]
            entry["cached_tokens"] += used.get("input_token_details", {}).get("cache_read") or 0


# LangChain's own `get_usage_metadata_callback` registers another hook at every call, and keeps them all.
_meter: contextvars.ContextVar[Meter | None] = contextvars.ContextVar("eval_pipeline_meter", default=None)
register_configure_hook(_meter, inheritable=True)


@contextlib.contextmanager
def metered() -> Iterator[Meter]:
    """Within it, LangChain's chat models tell the meter what they used."""
    meter = Meter()
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)
