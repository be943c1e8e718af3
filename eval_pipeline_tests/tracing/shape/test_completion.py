"""Completing: whatever was collected becomes runs that no rule refuses, and one bad run takes no other with it."""

import datetime as dt
import uuid
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from langsmith import uuid7_from_datetime
from pydantic import BaseModel, ConfigDict, SecretStr

from eval_pipeline.langsmith.protocol.jsonable import as_object, json_bytes, plain
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.tracing.shape.completion import UNFINISHED, Completed, complete
from eval_pipeline.tracing.shape.run import Anchor, complete_run
from eval_pipeline_tests.tracing.traced import rules_broken

START = dt.datetime.now(tz=dt.UTC)
ROOT = Anchor.of(
    complete_run(
        run_id=str(uuid7_from_datetime(START)),
        below=None,
        name="root",
        run_type="chain",
        start_time=START,
        end_time=START,
        session_name="experiment",
        inputs={},
        outputs={},
        metadata={},
    )
)
MILLISECOND = dt.timedelta(milliseconds=1)


def a_collected(label: str, /, *above: CollectedRun, after: dt.timedelta = MILLISECOND, **fields: Any) -> CollectedRun:
    start = START + after
    known: dict[str, Any] = {
        "id": str(uuid7_from_datetime(start)),
        "parent_ids": [ROOT.run_id, *(run.id for run in above)],
        "name": label,
        "run_type": "chain",
        "start_time": start,
        "end_time": start + MILLISECOND,
        **fields,
    }
    return CollectedRun(**known)


def completed(*collected: CollectedRun) -> Completed:
    return complete(collected, below=ROOT, end_time=START + 9 * MILLISECOND, labels={})


def parents(outcome: Completed) -> dict[str, str]:
    names = {ROOT.run_id: "root", **{run["id"]: run["name"] for run in outcome.runs}}
    return {run["name"]: names[run["parent_run_id"]] for run in outcome.runs}


def test_children_of_a_run_that_cannot_be_sent_move_up() -> None:
    good = a_collected("good")
    bad = a_collected("bad", good, name="")
    below = a_collected("below", good, bad)

    outcome = completed(below, bad, good)

    assert (parents(outcome), outcome.left_out) == ({"good": "root", "below": "good"}, 1)


def test_a_run_whose_parent_was_never_seen_hangs_from_the_nearest_that_was() -> None:
    outer, lost = a_collected("outer"), a_collected("lost")
    below = a_collected("below", outer, lost)

    assert parents(completed(outer, below)) == {"outer": "root", "below": "outer"}


def test_a_run_without_an_end_ends_with_the_attempt_and_says_so() -> None:
    (run,) = completed(a_collected("open", end_time=None)).runs

    assert (run["error"], run["end_time"]) == (UNFINISHED, START + 9 * MILLISECOND)


def test_an_id_drawn_a_moment_before_the_clock_was_read_is_kept() -> None:
    early = START + MILLISECOND
    drawn = str(uuid7_from_datetime(early))

    (run,) = completed(a_collected("late", id=drawn, start_time=early + 2 * MILLISECOND)).runs

    assert run["id"] == drawn
    assert rules_broken([run]) == []


def test_an_id_of_the_users_own_is_replaced_and_kept_in_metadata() -> None:
    chosen = str(uuid.uuid4())

    (run,) = completed(a_collected("mine", id=chosen)).runs

    assert run["extra"]["metadata"]["original_run_id"] == chosen
    assert rules_broken([run]) == []


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.timedeltas(dt.timedelta(days=-3), dt.timedelta(days=3)),
            st.none() | st.timedeltas(dt.timedelta(days=-3), dt.timedelta(days=3)),
            st.sampled_from(["chain", "llm", "odd", ""]),
            st.sampled_from(["n", ""]),
        ),
        max_size=8,
    )
)
def test_whatever_was_collected_breaks_no_rule(
    made: list[tuple[int, dt.timedelta, dt.timedelta | None, str, str]],
) -> None:
    collected: list[CollectedRun] = []
    for parent, start, end, run_type, name in made:
        above = collected[parent % len(collected)] if collected and parent else None
        path = [] if above is None else [*above.parent_ids[1:], above.id]
        run = a_collected(name, after=start, run_type=run_type, end_time=None if end is None else START + end)
        run.parent_ids = [ROOT.run_id, *path]
        collected.append(run)

    outcome = completed(*collected)

    known = {ROOT.run_id}
    for made_run in outcome.runs:
        assert made_run["parent_run_id"] in known
        assert made_run["end_time"] >= made_run["start_time"] >= START
        known.add(made_run["id"])
    assert rules_broken(outcome.runs) == []
    assert len(outcome.runs) + outcome.left_out == len(collected)


def test_anything_becomes_json() -> None:
    class Odd:
        def __str__(self) -> str:
            raise ValueError

    class Model(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        text: str = "text"
        odd: Any = Odd()
        key: SecretStr = SecretStr("hidden")

    circle: list[Any] = []
    circle.append(circle)

    assert plain({"big": 2**70, "lone": "\ud800", "set": {1}, 3: b"ab", "odd": Odd()}) == {
        "big": str(2**70),
        "lone": "?",
        "set": [1],
        "3": "<2 bytes>",
        "odd": "<Odd>",
    }
    assert json_bytes(circle).startswith(b"[[[")
    assert plain(Model()) == {"text": "text", "odd": "<Odd>", "key": "**********"}
    assert as_object(5) == {"output": 5}
