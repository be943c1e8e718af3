"""The suite without Dagster: its snapshot in a temporary store, and conversations and cases run against that."""

import asyncio
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.context.shared_context import SharedContext, use_shared_context
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.settings import CACHE_VARIABLE
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suites.support_desk import offline_model
from eval_pipeline.suites.support_desk.agent import build_agent
from eval_pipeline.targets.opening import open_target

FOLDER = Path(offline_model.__file__).parent
OFFLINE = f"{offline_model.__name__}:OfflineChatModel"


_FOLDER_OF_STORE = tempfile.TemporaryDirectory(prefix="support_desk", ignore_cleanup_errors=True)
"""Kept until the tests end."""


@cache
def suite_and_cases() -> tuple[Suite, tuple[Case, ...]]:
    suite, cases, problems = check_suite(FOLDER)
    assert not problems, problems
    assert suite is not None
    return suite, tuple(cases)


@cache
def snapshot() -> SharedContext:
    suite, cases = suite_and_cases()
    store = LocalStore(Path(_FOLDER_OF_STORE.name))
    manifest = ensure_snapshot(plan_context(suite, cases), store).manifest
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, f"{_FOLDER_OF_STORE.name}/cache")
        return SharedContext.open(store, suite.name, manifest.context_id)


@cache
def results() -> dict[str, CaseResult]:
    """The result of every case, by its id."""
    suite, cases = suite_and_cases()
    pins = Pins(experiment="test", dataset_version="test", context_id=snapshot().id, target_version="test")
    evaluator = CaseEvaluator(suite=suite, target=open_target(suite), context=snapshot(), pins=pins)

    async def run() -> list[CaseResult]:
        attempts = [attempt for case in cases for attempt in evaluator.attempts(case, None)]
        return [result async for result in evaluate_all(evaluator, attempts, max_concurrency=8)]

    return {result.case_id: result for result in asyncio.run(run())}


def talk(*inputs: str) -> list[AnyMessage]:
    """The messages of a conversation with the agent on the offline model."""
    agent = build_agent(OFFLINE)
    messages: list[AnyMessage] = []
    with use_shared_context(snapshot(), case_id="none"):
        for text in inputs:
            messages = agent.invoke({"messages": [*messages, HumanMessage(text)]})["messages"]
    return messages


def answer(*inputs: str) -> str:
    return talk(*inputs)[-1].text


def calls(messages: Sequence[AnyMessage]) -> list[tuple[str, dict[str, Any]]]:
    tool_calls = [call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    return [(call["name"], call["args"]) for call in tool_calls]
