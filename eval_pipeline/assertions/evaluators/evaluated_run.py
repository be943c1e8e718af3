"""An attempt as LangSmith's evaluators see it: inputs and outputs, its run with all runs below it, and its example."""

import copy
import datetime as dt
import functools
import uuid
from collections.abc import Iterator
from typing import Any

from langsmith.schemas import Example, Run

from eval_pipeline.assertions.calls import exchanges
from eval_pipeline.assertions.evaluators.text_outputs import TextOutputs
from eval_pipeline.assertions.evaluators.transcript import openai_messages
from eval_pipeline.assertions.scope import Scope
from eval_pipeline.content.outputs import as_outputs
from eval_pipeline.runs.place import AttemptPlace
from eval_pipeline.runs.tree import trees_of
from eval_pipeline.suite.attachments import CaseAttachments, current_attachments


class EvaluatedRun:
    """What one evaluator gets of an attempt, as from LangSmith's `evaluate`: the objects that the target returned.

    Inputs and outputs are copies of its own where they can be copied, because it may change them.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._place = scope.place or AttemptPlace.untraced(scope.case.id)

    @functools.cached_property
    def inputs(self) -> dict[str, Any]:
        """The inputs of the case's example."""
        return copy.deepcopy(self._scope.inputs)

    @functools.cached_property
    def outputs(self) -> dict[str, Any]:
        """What the target returned last; of text, `output`, and by their keys `response` and `messages`."""
        scope = self._scope
        if not scope.turns:
            return {}
        if scope.outputs == scope.response:
            return TextOutputs(scope.response, lambda: openai_messages(scope.turns))
        return as_outputs(_copied(scope.returned.get(scope.turns[-1].index, scope.outputs)))

    @functools.cached_property
    def reference(self) -> dict[str, Any]:
        """The case's reference."""
        return copy.deepcopy(self._scope.case.reference_outputs)

    @functools.cached_property
    def attachments(self) -> dict[str, Any]:
        """The case's attachments, each with `mime_type`, `presigned_url` and `reader`."""
        readers: dict[str, Any] = current_attachments()
        if not readers and self._scope.case.attachments:  # of an answer that is scored later
            readers = CaseAttachments(self._scope.case, self._scope.folder).readers()
        return readers

    def example(self) -> Example:
        """The case as an example of its dataset."""
        case = self._scope.case
        return Example(
            id=self._place.example_id,
            dataset_id=self._place.dataset_id,
            inputs=self.inputs,
            outputs=self.reference,
            metadata={**case.metadata, "case_id": case.id, "split": case.split},
            created_at=self._place.start_time,
            modified_at=self._place.start_time,
            attachments=self.attachments or None,
        )

    def run(self) -> Run:
        """The attempt's run, with the runs that the target made below it.

        Where no runs are at hand, such as of a recording, it has a child run per tool call.
        """
        scope, place = self._scope, self._place
        # As long as the target took: the attempt waits for limits, and for assertions between its turns.
        ended = place.start_time + dt.timedelta(seconds=sum(turn.latency_s for turn in scope.turns))
        usage = [event for turn in scope.turns for event in turn.events if event["type"] == "usage"]
        read, written = (sum(event.get(f"{kind}_tokens") or 0 for event in usage) for kind in ("input", "output"))
        runs = [run for turn in scope.turns for run in scope.runs.get(turn.index, ())]
        below = trees_of(runs, trace_id=place.trace_id, parent_id=place.run_id) if runs else list(self._tools(ended))
        run = Run(
            id=place.run_id,
            trace_id=place.trace_id,
            session_id=place.session_id,
            reference_example_id=place.example_id,
            name=scope.case.id,
            run_type="chain",
            start_time=place.start_time,
            end_time=ended,
            inputs=self.inputs,
            extra={"metadata": {"case_id": scope.case.id}},
            child_runs=below,
            child_run_ids=[run.id for run in below],
            prompt_tokens=read if usage else None,
            completion_tokens=written if usage else None,
            total_tokens=read + written if usage else None,
        )
        run.outputs = self.outputs  # not as an argument, of which the model makes a mapping of another class
        return run

    def _tools(self, ended: dt.datetime) -> Iterator[Run]:
        for turn in self._scope.turns:
            for exchange in exchanges(turn.events):
                yield Run(
                    id=uuid.uuid4(),
                    trace_id=self._place.trace_id,
                    parent_run_id=self._place.run_id,
                    name=exchange.name,
                    run_type="tool",
                    start_time=ended,
                    end_time=ended,
                    inputs=dict(exchange.args),
                    outputs={"output": exchange.content},
                )


def _copied(value: Any) -> Any:
    """A copy, or the object itself where it cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - an object may raise anything
        return value
