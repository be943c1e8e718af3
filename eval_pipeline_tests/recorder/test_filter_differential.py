"""200 filters over 500 recorded runs select what plain Python selects; 20,000 random ones break nothing."""

import datetime as dt
import json
import random
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.filters import compile_filter
from eval_pipeline.recorder.routes.runs import predicates
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.recorder.store.runs import RunQuery

NAMES = ["judge", "Judge", "take_turn", "tool é", "東京", "50% off", "a\nb"]
TYPES = ["llm", "chain", "tool"]
TAGS = ["nightly", "base", "x"]
_RANDOM = random.Random(22)


def _runs(start: dt.datetime) -> list[dict[str, Any]]:
    """100 traces of five runs: a root, its children, and a grandchild."""
    runs = []
    for _ in range(100):
        trace: list[dict[str, Any]] = []
        for number in range(5):
            parent = None if number == 0 else trace[0] if number < 4 else trace[1]
            begin = start + dt.timedelta(seconds=_RANDOM.randrange(3600) if parent is None else number)
            begin = begin if parent is None else max(begin, parent["_start"])
            identity = str(uuid.UUID(int=_RANDOM.getrandbits(128), version=4))
            order = f"{begin:%Y%m%dT%H%M%S%f}Z{identity}"
            tokens = _RANDOM.choice([None, 5, 50, 500])
            trace.append(
                {
                    "id": identity,
                    "trace_id": trace[0]["id"] if trace else identity,
                    "parent_run_id": None if parent is None else parent["id"],
                    "dotted_order": order if parent is None else f"{parent['dotted_order']}.{order}",
                    "name": _RANDOM.choice(NAMES),
                    "run_type": _RANDOM.choice(TYPES),
                    "start_time": begin.isoformat(),
                    "end_time": _RANDOM.choice(
                        [None, (begin + dt.timedelta(milliseconds=_RANDOM.randrange(9000))).isoformat()]
                    ),
                    "error": _RANDOM.choice([None, None, "ValueError: no"]),
                    "tags": _RANDOM.sample(TAGS, _RANDOM.randrange(3)),
                    "inputs": {"question": _RANDOM.choice(NAMES), "user": {"level": _RANDOM.randrange(4)}},
                    "outputs": {"answer": _RANDOM.choice(NAMES), "ok": _RANDOM.choice([True, False])},
                    "extra": {
                        "metadata": {
                            "n": _RANDOM.randrange(3),
                            "who": _RANDOM.choice(NAMES),
                            **(
                                {}
                                if tokens is None
                                else {
                                    "usage_metadata": {
                                        "input_tokens": tokens,
                                        "output_tokens": 1,
                                        "total_tokens": tokens + 1,
                                    }
                                }
                            ),
                        }
                    },
                    "session_name": "filtered",
                    "_start": begin,
                    "_tokens": None if tokens is None else tokens + 1,
                }
            )
        runs += trace
    return runs


@pytest.fixture(scope="module")
def recorded() -> Iterator[tuple[RecorderServer, list[dict[str, Any]]]]:
    start = dt.datetime.now(tz=dt.UTC).replace(microsecond=0) - dt.timedelta(hours=3)
    runs = _runs(start)
    with RecorderServer() as server:
        posted = [{name: value for name, value in run.items() if not name.startswith("_")} for run in runs]
        answer = httpx.post(f"{server.url}/runs/batch", json={"post": posted, "patch": []}, timeout=60)
        assert answer.status_code < 300, answer.text
        yield server, runs


# The evaluation: on the runs as they were posted, from the tree and not from the text.


def _subtree_tokens(run: dict[str, Any], runs: list[dict[str, Any]]) -> int | None:
    own = [
        each["_tokens"]
        for each in runs
        if each["dotted_order"] == run["dotted_order"] or each["dotted_order"].startswith(run["dotted_order"] + ".")
    ]
    counted = [tokens for tokens in own if tokens is not None]
    return sum(counted) if counted else None


def _values(field: str, run: dict[str, Any], runs: list[dict[str, Any]]) -> list[Any]:  # noqa: PLR0911 - one a field
    match field:
        case "latency":
            if run["end_time"] is None:
                return []
            return [(dt.datetime.fromisoformat(run["end_time"]) - run["_start"]).total_seconds()]
        case "start_time":
            return [run["_start"]]
        case "total_tokens":
            tokens = _subtree_tokens(run, runs)
            return [] if tokens is None else [tokens]
        case "tags":
            return list(run["tags"])
        case "is_root":
            return [run["parent_run_id"] is None]
        case "error":
            return [run["error"] is not None]
        case "metadata_key":
            return list(run["extra"]["metadata"])
        case _:
            return [run[field]]


def _leaf(start: dt.datetime) -> tuple[str, Any]:  # noqa: PLR0911 - one a function
    """A comparison as text, and as a function of a run and all runs."""
    kind = _RANDOM.choice(["text", "like", "number", "latency", "time", "bool", "in", "pair", "search", "has"])
    if kind == "text":
        field, function = _RANDOM.choice(["name", "run_type", "tags"]), _RANDOM.choice(["eq", "neq"])
        value = _RANDOM.choice([*NAMES, *TYPES, *TAGS])
        text = f"{function}({field}, {json.dumps(value, ensure_ascii=_RANDOM.random() < 0.5)})"
        return text, lambda run, runs: (value in _values(field, run, runs)) == (function == "eq")
    if kind == "like":
        part = _RANDOM.choice(["jud", "turn", "é", "京", "off", "a"])
        form = _RANDOM.choice(["{}%", "%{}%", "%{}", "{}"])
        tests = {"{}%": str.startswith, "%{}%": str.__contains__, "%{}": str.endswith, "{}": str.__eq__}
        return f'like(name, "{form.format(part)}")', lambda run, _: tests[form](run["name"].lower(), part)
    if kind in ("number", "latency"):
        function = _RANDOM.choice(["gt", "gte", "lt", "lte"])
        compare = {"gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}[function]
        field, number = (
            ("total_tokens", _RANDOM.choice([5, 6, 51, 507]))
            if kind == "number"
            else ("latency", _RANDOM.choice([0.5, 2, 5]))
        )
        shown = (
            str(number) if kind == "number" else _RANDOM.choice([str(number), f'"{number}s"', f'"{number * 1000:g}ms"'])
        )
        return f"{function}({field}, {shown})", lambda run, runs: any(
            getattr(float(value), compare)(float(number)) for value in _values(field, run, runs)
        )
    if kind == "time":
        moment = start + dt.timedelta(seconds=_RANDOM.randrange(3600))
        zone = dt.timezone(dt.timedelta(hours=_RANDOM.choice([-8, 0, 5])))
        return f'gt(start_time, "{moment.astimezone(zone).isoformat()}")', lambda run, _: run["_start"] > moment
    if kind == "bool":
        field, truth = _RANDOM.choice(["is_root", "error"]), _RANDOM.choice([True, False])
        return f"eq({field}, {json.dumps(truth)})", lambda run, runs: _values(field, run, runs) == [truth]
    if kind == "in":
        values = _RANDOM.sample(NAMES, 2)
        return f"in(name, {json.dumps(values)})", lambda run, _: run["name"] in values
    if kind == "pair":
        number = _RANDOM.randrange(4)
        return (
            f'and(eq(input_key, "user.level"), gte(input_value, {number}))',
            lambda run, _: run["inputs"]["user"]["level"] >= number,
        )
    if kind == "search":
        part = _RANDOM.choice(["judge", "東京", "É", "nothing"])
        return f'search("{part}")', lambda run, _: any(
            part.casefold() in text.casefold()
            for text in (run["name"], run["inputs"]["question"], run["outputs"]["answer"], run["error"] or "")
        )
    number = _RANDOM.randrange(3)
    return f"has(metadata, '{{\"n\": {number}}}')", lambda run, _: run["extra"]["metadata"]["n"] == number


def _expression(start: dt.datetime, depth: int = 0) -> tuple[str, Any]:
    function = _RANDOM.choice(["leaf", "leaf", "and", "or", "not"]) if depth < 3 else "leaf"
    if function == "leaf":
        return _leaf(start)
    parts = [_expression(start, depth + 1) for _ in range(1 if function == "not" else _RANDOM.randrange(1, 4))]
    text = f"{function}({', '.join(text for text, _ in parts)})"
    if function == "not":
        return text, lambda run, runs: not parts[0][1](run, runs)
    join = all if function == "and" else any
    return text, lambda run, runs: join(test(run, runs) for _, test in parts)


def test_filters_select_what_plain_python_selects(recorded: tuple[RecorderServer, list[dict[str, Any]]]) -> None:
    server, runs = recorded
    store = server.recorder.runs
    every = store.query(RunQuery(limit=1000))[0]
    assert len(every) == 500
    start = min(run["_start"] for run in runs)
    by_trace: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        by_trace.setdefault(run["trace_id"], []).append(run)
    empty = 0
    for _ in range(200):
        text, test = _expression(start)
        condition = compile_filter(text)
        selected = {run["id"] for run in every if condition(run)}
        expected = {run["id"] for run in runs if test(run, by_trace[run["trace_id"]])}
        assert selected == expected, text
        queried = store.query(RunQuery(limit=1000, predicates=predicates(run_filter=text)))[0]
        assert {run["id"] for run in queried} == expected, text
        empty += not expected or len(expected) == 500
    assert empty < 100, "most filters should tell runs apart"


def test_a_query_of_the_store_filters_as_the_compiled_filter_does(
    recorded: tuple[RecorderServer, list[dict[str, Any]]],
) -> None:
    server, runs = recorded
    for text in ("gt(total_tokens, 500)", 'and(eq(run_type, "chain"), gt(latency, "1s"), gt(total_tokens, 5))'):
        condition = compile_filter(text)
        expected = {run["id"] for run in server.recorder.runs.query(RunQuery(limit=1000))[0] if condition(run)}
        query = RunQuery(limit=1000, predicates=predicates(run_filter=text), subtree_usage=False)
        assert {run["id"] for run in server.recorder.runs.query(query)[0]} == expected
        assert expected
    roots = predicates(trace_filter="gt(total_tokens, 500)")
    trees = predicates(tree_filter='eq(run_type, "tool")')
    query = RunQuery(limit=1000, predicates=[*roots, *trees])
    tools = {run["trace_id"] for run in runs if run["run_type"] == "tool"}
    large = {
        run["trace_id"]
        for run in runs
        if run["parent_run_id"] is None
        and (_subtree_tokens(run, [each for each in runs if each["trace_id"] == run["trace_id"]]) or 0) > 500
    }
    assert {run["trace_id"] for run in server.recorder.runs.query(query)[0]} == tools & large


@pytest.mark.slow
def test_random_filters_break_nothing(recorded: tuple[RecorderServer, list[dict[str, Any]]]) -> None:
    server, runs = recorded
    start = min(run["_start"] for run in runs)
    every = server.recorder.runs.query(RunQuery(limit=5))[0]
    pieces = [
        "(",
        ")",
        ",",
        '"',
        "'",
        "[",
        "]",
        "\\",
        "eq",
        "and",
        "like",
        "latency",
        "1e999",
        "-",
        "%" * 9,
        "{",
        "\n",
        "é",
        "\0",
        "_",
    ]
    for _ in range(20_000):
        text, _test = _expression(start)
        for _ in range(_RANDOM.randrange(4)):
            place = _RANDOM.randrange(len(text) + 1)
            text = text[:place] + _RANDOM.choice(pieces) + text[place + _RANDOM.randrange(3) :]
        with suppress(ErrorResponse):
            condition = compile_filter(text)
            for run in every:
                assert condition(run) in (True, False)
