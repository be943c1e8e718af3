"""What is set aside while attempts are made, and that it is given back."""

import gc
from pathlib import Path

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.garbage import what_stays_set_aside
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator

ECHO = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo"}


def test_objects_that_were_there_are_set_aside_and_given_back() -> None:
    with what_stays_set_aside():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


async def test_they_are_set_aside_while_attempts_are_made(tmp_path: Path) -> None:
    evaluator = an_evaluator(a_suite(tmp_path, target=ECHO))
    results = evaluate_all(evaluator, [Attempt(case=a_case(), number=1)], max_concurrency=1)

    assert (await anext(results)).case_id == "c1"
    assert gc.get_freeze_count() > 0
    await results.aclose()
    assert gc.get_freeze_count() == 0
