"""What the garbage collector leaves out while attempts are made, and that it looks at it again afterwards."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.interpreter import YOUNG_OBJECTS, fewer_collections
from eval_pipeline.targets.python import PythonSession, PythonSessionFactory
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator

ECHO = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo"}


def test_objects_that_existed_before_are_frozen_and_unfrozen() -> None:
    with fewer_collections():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_collections_are_fewer_until_the_last_of_overlapping_uses_ends() -> None:
    before = gc.get_threshold()
    first, second = fewer_collections(), fewer_collections()
    first.__enter__()
    second.__enter__()
    assert gc.get_threshold()[0] == max(before[0], YOUNG_OBJECTS)

    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == max(before[0], YOUNG_OBJECTS)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before


def test_a_process_that_wants_no_collections_gets_none() -> None:
    before = gc.get_threshold()
    gc.set_threshold(0, *before[1:])
    try:
        with fewer_collections():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


async def test_they_are_frozen_while_attempts_are_made(tmp_path: Path) -> None:
    evaluator = an_evaluator(a_suite(tmp_path, target=ECHO))
    results = evaluate_all(evaluator, [Attempt(case=a_case(), number=1)], max_concurrency=1)

    assert (await anext(results)).case_id == "c1"
    assert gc.get_freeze_count() > 0
    await results.aclose()
    assert gc.get_freeze_count() == 0


async def _answer(message: str) -> str:
    return message.upper()


class SeenSessions(PythonSessionFactory):
    """A target that knows which of its sessions are still there."""

    def __init__(self) -> None:
        # Not a sync one: its thread may outlive the attempt by a moment, and the session with it.
        super().__init__(_answer, factory=False, options={})
        self.sessions: list[weakref.ref[PythonSession]] = []

    def open(self, *args: Any, **kwargs: Any) -> PythonSession:
        session = super().open(*args, **kwargs)
        self.sessions.append(weakref.ref(session))
        return session


async def test_nothing_of_an_attempt_waits_for_a_collection_once_it_ended(tmp_path: Path) -> None:
    target = SeenSessions()
    evaluator = an_evaluator(a_suite(tmp_path), target=target)
    gc.disable()
    try:
        result = await evaluator.evaluate(Attempt(case=a_case(turns=[{"user": "a"}, {"user": "b"}]), number=1))
        await asyncio.sleep(0)  # the loop is at the callback of the last turn's task, and holds it
    finally:
        gc.enable()

    assert [turn.response for turn in result.turns] == ["A", "B"]
    assert [session() for session in target.sessions] == [None]
