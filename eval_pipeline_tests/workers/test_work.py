"""A task is done once, however often, and what goes wrong is an answer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.workers.task import MOST_BYTES, WorkerTask, read_task
from eval_pipeline.workers.tracing import settings_of
from eval_pipeline.workers.work import do_task
from eval_pipeline_tests.workers.begun import Begun

CASES = [f"c{number:03d}" for number in range(10)]


def test_a_task_done_twice_makes_every_attempt_once(begun: Begun) -> None:
    first, second = begun.tasks()

    answers = [do_task(task) for task in (first, second, first)]

    assert [(answer.attempts, answer.finished, answer.made, answer.errors) for answer in answers] == [
        (5, 5, 5, 1),
        (5, 5, 5, 0),
        (5, 5, 0, 0),
    ]
    assert all(answer.complete for answer in answers)
    assert len(begun.calls()) == 10
    expected = [(case_id, "error" if case_id == "c003" else "passed") for case_id in CASES]
    assert begun.rows(first.experiment) == expected
    assert begun.traced(first.experiment) == CASES
    assert begun.tasks() == []


def test_two_workers_of_one_task_leave_one_row_an_attempt(begun: Begun) -> None:
    task, _ = begun.tasks()
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(do_task, [task, task]))

    assert [answer.failure for answer in answers] == [None, None]
    assert [case_id for case_id, _ in begun.rows(task.experiment)] == CASES[:5]
    assert begun.traced(task.experiment) == CASES[:5]


def test_attempts_with_an_error_are_made_again_if_asked_for(begun: Begun) -> None:
    task, _ = begun.tasks()
    do_task(task)

    again = do_task(task.model_copy(update={"retry_errors": True}))

    assert (again.made, again.errors) == (1, 1)
    assert begun.calls().count("3") == 2


def test_a_worker_whose_time_is_over_leaves_the_rest(begun: Begun) -> None:
    task, _ = begun.tasks()

    short = do_task(task, seconds=0.0)

    assert (short.failure, short.made, short.complete) == (None, 0, False)
    assert do_task(task).complete


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suite": "unknown"}, "there is no"),
        ({"experiment": "counted-x"}, "there is no experiment"),
        ({"context_id": "other"}, "names context_id 'other'"),
        ({"case_ids": ("c000", "missing")}, "'missing'"),
        ({"store": "ftp://x"}, "not a known kind"),
    ],
)
def test_what_cannot_be_done_is_an_answer(begun: Begun, change: dict[str, object], message: str) -> None:
    task, _ = begun.tasks()

    answer = do_task(task.model_copy(update=change))

    assert answer.failure is not None
    assert message in answer.failure.message
    assert not answer.failure.retryable
    assert begun.calls() == []


def test_a_worker_with_another_agent_does_not_take_part(begun: Begun) -> None:
    task, _ = begun.tasks()
    agent = begun.suite / "agent.py"
    agent.write_text(agent.read_text() + "\n# changed\n")

    answer = do_task(task)

    assert answer.failure is not None
    assert answer.failure.kind == "ExperimentConflictError"


def test_a_tasks_attempts_have_the_time_that_its_run_gives_them() -> None:
    task = WorkerTask(suite="s", experiment="e", task="t", case_ids=("a",), evaluation_timeout_seconds=7)

    assert settings_of(read_task(task.to_json())).evaluation_timeout_seconds == 7


def test_a_task_that_is_too_large_is_refused_on_both_sides() -> None:
    task = WorkerTask(suite="s", experiment="e", task="t", case_ids=("x" * MOST_BYTES,))

    with pytest.raises(InputError, match="cases_per_task"):
        task.to_json()
    with pytest.raises(InputError, match="may have"):
        read_task(task.model_dump())


def test_a_task_that_is_none_names_its_fields() -> None:
    with pytest.raises(InputError) as caught:
        read_task({"suite": "s", "experiment": "e", "task": "../x", "case_ids": []})

    assert [problem.field for problem in caught.value.problems] == ["task", "case_ids"]
