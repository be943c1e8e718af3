"""Switches ambient tracing off while attempts are made, in every thread and child process.

LangChain and LangSmith switch it on by variables such as `LANGSMITH_TRACING`, and send what they trace as it is. What
an evaluation traces is collected, redacted and sent by `tracing`.
"""

import contextlib
import contextvars
import os
import threading
from collections.abc import Iterator, Mapping

import langsmith
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.context import tracing_v2_callback_var
from langsmith import tracing_context
from langsmith.run_helpers import get_tracing_context
from langsmith.utils import tracing_is_enabled

from eval_pipeline.environment import hold_variables, is_own_program, own_variables, release_variables

_SWITCHES = tuple(
    f"{prefix}_{name}"
    for prefix in ("LANGSMITH", "LANGCHAIN")
    for name in ("TRACING", "TRACING_V2", "OTEL_ENABLED", "OTEL_ONLY", "WANDB_TRACING", "COMET_TRACING")
)
"""Variables by which a process, or a child of it, would begin to send runs by itself."""
_OFF = "false"


class _AmbientTracing:
    """The switch of this process. Several evaluations may hold it off at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._evaluations = 0
        self._was_on: bool | None = None
        """What the SDK was configured with; None where variables decided."""
        self._replaced: Mapping[str, str | None] = {}

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        with self._lock:
            self._evaluations += 1
            if self._evaluations == 1 and not self._replaced:
                self._switch_off()
        try:
            yield
        finally:
            with self._lock:
                self._evaluations -= 1
                # In a program of ours it stays off: threads of an agent may outlive its last attempt.
                if not self._evaluations and not is_own_program():
                    self._restore()

    def _switch_off(self) -> None:
        nowhere = contextvars.Context()
        was_on = bool(nowhere.run(tracing_is_enabled))
        by_variables = any(os.environ.get(name) == "true" for name in _SWITCHES)
        self._was_on = None if was_on == by_variables else was_on
        before = own_variables()
        self._replaced = {name: os.environ.get(name) for name in _SWITCHES}
        os.environ.update(dict.fromkeys(_SWITCHES, _OFF))
        hold_variables(before)
        # It sets a variable of the context, too, which is to be left alone.
        nowhere.run(langsmith.configure, enabled=False)

    def _restore(self) -> None:
        for name, value in self._replaced.items():
            if os.environ.get(name) != _OFF:
                continue  # code under test has set it since
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        release_variables(_SWITCHES)
        self._replaced = {}
        contextvars.Context().run(langsmith.configure, enabled=self._was_on)


_AMBIENT = _AmbientTracing()
no_ambient_tracing = _AMBIENT.off
"""A context manager within which only our clients trace, and those that code under test makes itself."""


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Let nothing be traced in this context, also where variables have the caller traced.

    Where the caller has chosen a client by `tracing_context(enabled=True, client=…)`, it traces as it chose.
    """
    if get_tracing_context()["enabled"]:
        yield
        return
    tracer, config = tracing_v2_callback_var.set(None), var_child_runnable_config.set(None)
    try:
        with tracing_context(enabled=False):
            yield
    finally:
        tracing_v2_callback_var.reset(tracer)
        var_child_runnable_config.reset(config)
