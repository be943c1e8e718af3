"""Tokens of a result, its assertions, the budget and its trace are the same, whichever way a model is called."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.langsmith.protocol.usage import usage_of
from eval_pipeline.models.budget import Budget, charged_to
from eval_pipeline_tests.building import a_case
from eval_pipeline_tests.tracing.traced import Kept, a_traced_evaluator, a_tracer

CODE = """
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langsmith import traceable

USAGE = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}

def model():
    return GenericFakeChatModel(messages=iter([AIMessage("hello", usage_metadata=USAGE)] * 9))

class Cumulative(GenericFakeChatModel):
    def _stream(self, *args, **kwargs):
        for number in (1, 2):
            used = {"input_tokens": 10, "output_tokens": number, "total_tokens": 10 + number}
            yield ChatGenerationChunk(message=AIMessageChunk(content="x", usage_metadata=used))

@traceable(run_type="llm")
def traced_model(message): return {"content": "hello", "usage_metadata": USAGE}

@traceable(run_type="llm")
def around(message): return {"content": model().invoke(message).content, "usage_metadata": USAGE}

@traceable(run_type="llm")
def around_traced(message): return {**traced_model(message), "usage_metadata": USAGE}

def langchain(message): return model().invoke(message).content
def traceable_llm(message): return traced_model(message)["content"]
def langchain_in_traceable(message): return around(message)["content"]
def traceable_in_traceable(message): return around_traced(message)["content"]
def reported(message):
    return {"response": "hello", "events": [{"type": "usage", "input_tokens": 10, "output_tokens": 2}]}
def reported_too(message):
    return {"response": traced_model(message)["content"], "events": [{"type": "usage", **USAGE, "model": "m"}]}
def streamed(message): return "".join(c.content for c in Cumulative(messages=iter([])).stream(message))
def cumulative_events(message):
    events = [{"type": "usage", "id": "m", "input_tokens": 10, "output_tokens": number} for number in (1, 2)]
    return {"response": "hello", "events": events}
"""
WAYS = [
    "langchain",
    "traceable_llm",
    "langchain_in_traceable",
    "traceable_in_traceable",
    "reported",
    "reported_too",
    "streamed",
    "cumulative_events",
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("traced", [True, False])
async def test_every_figure_of_tokens_is_the_same(folder: Path, way: str, *, traced: bool) -> None:
    (folder / "own.py").write_text(CODE)
    sender, budget = Kept(), Budget()
    target = {"kind": "python", "path": f"own.py:{way}"}
    evaluator = a_traced_evaluator(folder, target, a_tracer(sender))
    evaluator = evaluator if traced else replace(evaluator, tracer=None)
    tokens = [{"type": "max_tokens", "value": value} for value in (24, 23)]
    turn = {"user": "hi", "assertions": [{"type": "max_tokens", "value": 12}]}
    case = a_case(turns=[turn, turn], assertions=tokens)
    with charged_to(budget):
        result = await evaluator.evaluate(evaluator.attempts(case, None)[0])
    assert [(each.message, each.passed) for each in result.assertions] == [
        ("12 of at most 12 tokens", True),
        ("12 of at most 12 tokens", True),
        ("24 of at most 24 tokens", True),
        ("24 of at most 23 tokens", False),
    ]
    assert (result.usage.target.input, result.usage.target.output) == (20, 4)
    assert (result.tokens.input, result.tokens.output, budget.tokens) == (20, 4, 24)
    assert traced_tokens(sender) == (24 if traced else 0)


def traced_tokens(sender: Kept) -> int:
    """The tokens that LangSmith reads from the model calls of the trace."""
    stated: list[Any] = [usage_of(run["extra"], run["outputs"]) for run in sender.runs if run["run_type"] == "llm"]
    return sum(usage.total_tokens or 0 for usage in stated if usage is not None)
