"""An attempt as LangSmith's evaluators see it: inputs and outputs, a run with a child run per tool call, an example."""

import copy
import datetime as dt
import functools
import uuid
from collections.abc import Iterator
from typing import Any

from langsmith.schemas import Example, Run

from eval_pipeline.assertions.calls import exchanges
from eval_pipeline.assertions.evaluators.transcript import openai_messages
from eval_pipeline.assertions.scope import Scope
from eval_pipeline.content.outputs import as_outputs

_NAMESPACE = uuid.UUID("6f0f3bb0-6f0d-4b1e-9f0c-9d8b7b1a2c3d")


class EvaluatedRun:
    """What one evaluator gets of an attempt: copies of its own, because it may change them."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @functools.cached_property
    def inputs(self) -> dict[str, Any]:
        """The inputs of the case's example."""
        return copy.deepcopy(self._scope.inputs)

    @functools.cached_property
    def outputs(self) -> dict[str, Any]:
        """What the target returned last; of text, `response` and `output`, and `messages`, the conversation."""
        outputs, response = self._scope.outputs, self._scope.response
        if outputs != response:
            return copy.deepcopy(as_outputs(outputs))
        return {"response": response, "output": response, "messages": openai_messages(self._scope.turns)}

    @functools.cached_property
    def reference(self) -> dict[str, Any]:
        """The case's reference."""
        return copy.deepcopy(self._scope.case.reference_outputs)

    def example(self) -> Example:
        """The case as an example of a dataset."""
        case = self._scope.case
        return Example(
            id=uuid.uuid5(_NAMESPACE, case.id),
            dataset_id=_NAMESPACE,
            inputs=self.inputs,
            outputs=self.reference,
            metadata={**case.metadata, "case_id": case.id, "split": case.split},
            created_at=dt.datetime.now(tz=dt.UTC),
        )

    def run(self) -> Run:
        """The attempt as a run that took as long as the target did, with a child run per tool call."""
        run_id = uuid.uuid4()
        ended = dt.datetime.now(tz=dt.UTC)
        took = dt.timedelta(seconds=sum(turn.latency_s for turn in self._scope.turns))
        usage = [event for turn in self._scope.turns for event in turn.events if event["type"] == "usage"]
        read, written = (sum(event.get(f"{kind}_tokens") or 0 for event in usage) for kind in ("input", "output"))
        return Run(
            id=run_id,
            trace_id=run_id,
            name="case",
            run_type="chain",
            start_time=ended - took,
            end_time=ended,
            inputs=self.inputs,
            outputs=self.outputs,
            child_runs=list(self._tools(run_id, ended)),
            prompt_tokens=read if usage else None,
            completion_tokens=written if usage else None,
            total_tokens=read + written if usage else None,
        )

    def _tools(self, run_id: uuid.UUID, ended: dt.datetime) -> Iterator[Run]:
        for turn in self._scope.turns:
            for exchange in exchanges(turn.events):
                yield Run(
                    id=uuid.uuid4(),
                    trace_id=run_id,
                    parent_run_id=run_id,
                    name=exchange.name,
                    run_type="tool",
                    start_time=ended,
                    end_time=ended,
                    inputs=dict(exchange.args),
                    outputs={"output": exchange.content},
                )
