"""The page that compares experiments over the examples that all of them have, and the page of one such example."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from eval_pipeline.analysis.statistics.paired import PairedDifference, paired_difference
from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, not_found
from eval_pipeline.pages.conversation import messages_in
from eval_pipeline.pages.diff import side_by_side
from eval_pipeline.pages.values import text
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.pages.addresses import Address, AddressDep
from eval_pipeline.recorder.pages.case_pages import CASE_KEYS, answered, asked, case_table, shown_keys
from eval_pipeline.recorder.pages.rendering import pages_of, render
from eval_pipeline.recorder.routes.requests import RecorderDep
from eval_pipeline.recorder.store.compared import ComparedSide
from eval_pipeline.recorder.store.runs import RunQuery

router = APIRouter(include_in_schema=False)

_PAGE = 50
_NUMBERS = ("passed", "score", "latency", "cost", "tokens")
_UNLIMITED = frozenset({"latency", "cost", "tokens"})
_SHOWN = ("all", "differs", "regressed", "improved", "answers")
_SORTS = ("regressed", "example", "latency", "cost")
FILTERS = ("q", "only", "tag", "split", "some")

Sides = Mapping[str, Mapping[str, ComparedSide]]
Sessions = Annotated[list[str], Query(alias="selectedSessions")]


@dataclass(frozen=True, kw_only=True)
class ComparedExample:
    """An example in a comparison: by experiment its attempts, and how the others differ from the first."""

    id: str
    sides: Sequence[ComparedSide | None]
    change: float
    """The lowest difference to the first experiment, of the verdict or else the score; 0 where nothing changed."""
    rise: float
    answers_differ: bool

    @property
    def differs(self) -> bool:
        """Whether a verdict or score differs."""
        return self.change < 0 or self.rise > 0


@router.get("/o/{tenant}/datasets/{dataset_id}/compare")
def compare(
    dataset_id: UUID,
    recorder: RecorderDep,
    address: AddressDep,
    selected: Sessions,
    tenant: str = "",  # noqa: ARG001
    page: Annotated[int, Query(ge=1)] = 1,
    sort: str = "",
    *,
    down: bool = False,
) -> HTMLResponse:
    """Compare the selected experiments, example by example; a single one is shown as its case table."""
    selected_ids = [part for item in selected for part in item.split(",") if part]
    if len(selected_ids) == 1:
        return case_table(recorder, selected_ids[0], address, page=page, sort=sort or "start", down=down)
    sessions = _in_order(recorder, selected_ids, address.get("base"))
    ids = [session["id"] for session in sessions]
    rows, sides = _rows(recorder, str(dataset_id), ids, address, sort or _SORTS[0], down=down)
    pager = pages_of(len(rows), _PAGE, page)
    shown = rows[(pager["page"] - 1) * _PAGE :][:_PAGE]
    every_key = recorder.case_table.feedback_keys(ids)
    others = [key for key in shown_keys(every_key, address) if key not in CASE_KEYS]
    return render(
        "compare.html",
        address=address,
        dataset=recorder.datasets.get(str(dataset_id)),
        sessions=sessions,
        selected=",".join(ids),
        summary=_summary(sides, ids, [*_NUMBERS, *others]),
        shared=sum(len(each) == len(ids) for each in sides.values()),
        attempted=[sum(one in each for each in sides.values()) for one in ids],
        all_keys=[key for key in every_key if key not in CASE_KEYS],
        keys=others,
        rows=_with_texts(recorder, shown),
        counts=_counts(sides, ids),
        splits=recorder.examples.splits(str(dataset_id)),
        sort=sort or _SORTS[0],
        down=down,
        pager=pager,
        filtered=address.has_any(*FILTERS),
    )


@router.get("/o/{tenant}/datasets/{dataset_id}/compare/e/{example_id}")
def compare_example(
    dataset_id: UUID,
    example_id: UUID,
    recorder: RecorderDep,
    address: AddressDep,
    selected: Sessions,
    tenant: str = "",
) -> HTMLResponse:
    """One example in the selected experiments: the answers with the words that differ, and the feedback."""
    ids = [part for item in selected for part in item.split(",") if part]
    sessions = _in_order(recorder, ids, address.get("base"))
    ids = [session["id"] for session in sessions]
    whole = Address(f"/o/{tenant}/datasets/{dataset_id}/compare", address.others())
    rows, _ = _rows(recorder, str(dataset_id), ids, whole, address.get("sort") or _SORTS[0], down=False)
    order = [row.id for row in rows]
    place = order.index(str(example_id)) if str(example_id) in order else -1
    example = recorder.compared.examples([str(example_id)]).get(str(example_id))
    if example is None:
        raise not_found("Example")
    query = RunQuery(
        session_ids=ids, reference_example_ids=[str(example_id)], is_root=True, newest_first=False, limit=1000
    )
    runs = recorder.runs.query(query)[0]
    attempts = [[run for run in runs if run["session_id"] == one] for one in ids]
    texts = [_answers(each) for each in attempts]
    return render(
        "compared_example.html",
        dataset=recorder.datasets.get(str(dataset_id)),
        example=example,
        sessions=sessions,
        attempts=attempts,
        diffs=[None, *(side_by_side(texts[0], text) for text in texts[1:])],
        same=[text == texts[0] for text in texts],
        keys=sorted(
            {key for run in runs for key in run["feedback_stats"]}, key=lambda key: (key not in CASE_KEYS, key)
        ),
        whole=whole,
        before=order[place - 1] if place > 0 else None,
        after=order[place + 1] if 0 <= place < len(order) - 1 else None,
        place=place + 1,
        count=len(order),
        address=address,
    )


def _in_order(recorder: Recorder, ids: Sequence[str], base: str) -> list[dict[str, Any]]:
    """The experiments, the oldest first, unless `base` names another baseline.

    Raises:
        ErrorResponse: 404 for an unknown one.
    """
    sessions = sorted((recorder.sessions.get(each) for each in dict.fromkeys(ids)), key=lambda one: one["start_time"])
    return sorted(sessions, key=lambda one: one["id"] != base) if base else sessions


def _rows(
    recorder: Recorder, dataset_id: str, ids: Sequence[str], address: Address, sort: str, *, down: bool
) -> tuple[list[ComparedExample], Sides]:
    """The examples that the filters of an address leave, sorted; and all of them.

    Raises:
        ErrorResponse: 400 for an unknown filter or order.
    """
    only = address.get("only") or _SHOWN[0]
    if only not in _SHOWN or sort not in _SORTS:
        names = ", ".join(_SHOWN if only not in _SHOWN else _SORTS)
        raise ErrorResponse(400, {"detail": f"unknown {'filter' if only not in _SHOWN else 'order'}: use {names}"})
    sides = recorder.compared.sides(ids)
    order = {identity: number for number, identity in enumerate(_allowed(recorder, dataset_id, address))}
    first = [run for each in sides.values() for side in each.values() for run in side.run_ids]
    outputs = recorder.compared.outputs(first) if only == "answers" else {}
    rows = [
        _row(identity, [by_session.get(one) for one in ids], outputs)
        for identity, by_session in sides.items()
        if identity in order and (len(by_session) == len(ids) or address.get("some"))
    ]
    tests: dict[str, Callable[[ComparedExample], bool]] = {
        "all": lambda _row: True,
        "differs": lambda row: row.differs,
        "regressed": lambda row: row.change < 0,
        "improved": lambda row: row.rise > 0 and row.change >= 0,
        "answers": lambda row: row.answers_differ,
    }
    keys: dict[str, Callable[[ComparedExample], Any]] = {
        "regressed": lambda row: (row.change, -row.rise, order[row.id]),
        "example": lambda row: order[row.id],
        "latency": lambda row: _rise(row, "latency"),
        "cost": lambda row: _rise(row, "cost"),
    }
    return sorted(filter(tests[only], rows), key=keys[sort], reverse=down), sides


def _allowed(recorder: Recorder, dataset_id: str, address: Address) -> list[str]:
    sought, split = address.get("q"), address.get("split")
    if sought or split:
        splits, containing = [split] if split else [], [sought] if sought else []
        examples = recorder.examples.find(dataset_id=dataset_id, splits=splits, containing=containing, limit=-1)
        return [example["id"] for example in examples]
    return list(recorder.compared.example_order(dataset_id))


def _row(identity: str, sides: Sequence[ComparedSide | None], outputs: Mapping[str, bytes | None]) -> ComparedExample:
    changes = [0.0]
    answers = [[outputs.get(run) for run in side.run_ids] for side in sides if side is not None]
    if sides[0] is not None:
        for side in sides[1:]:
            changes.extend(_change(sides[0], side) if side is not None else ())
    return ComparedExample(
        id=identity,
        sides=sides,
        change=min(changes),
        rise=max(changes),
        answers_differ=any(each != answers[0] for each in answers),
    )


def _change(then: ComparedSide, now: ComparedSide) -> list[float]:
    """The difference of the verdict or, where that is the same, of the score; or of all scores, without these two."""
    for name in CASE_KEYS:
        before, after = then.number(name), now.number(name)
        if before is not None and after is not None and before != after:
            return [after - before]
    if any(key in side.scores for key in CASE_KEYS for side in (then, now)):
        return []
    return [now.scores[key] - then.scores[key] for key in then.scores.keys() & now.scores.keys()]


def _rise(row: ComparedExample, name: str) -> float:
    """Minus the largest rise of a number over the first experiment, so that it sorts first."""
    values = [side.number(name) if side is not None else None for side in row.sides]
    return min((values[0] - value for value in values[1:] if value is not None and values[0] is not None), default=0.0)


def _counts(sides: Sides, ids: Sequence[str]) -> dict[str, int]:
    rows = [
        _row(one, [each.get(session) for session in ids], {}) for one, each in sides.items() if len(each) == len(ids)
    ]
    regressed = sum(row.change < 0 for row in rows)
    improved = sum(row.rise > 0 and row.change >= 0 for row in rows)
    return {"regressed": regressed, "improved": improved, "unchanged": len(rows) - regressed - improved}


def _summary(sides: Sides, ids: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
    """Each number over the examples that all experiments have, with the paired difference to the first experiment."""
    shared = [each for each in sides.values() if len(each) == len(ids)]
    rows = []
    for name in names:
        values = [[each[one].number(name) for one in ids] for each in shared]
        complete = [numbers for each in values if len(numbers := [one for one in each if one is not None]) == len(ids)]
        if not complete:
            continue
        columns = [[each[place] for each in complete] for place in range(len(ids))]
        most = None if name in _UNLIMITED or any(not 0 <= value <= 1 for column in columns for value in column) else 1.0
        differences: list[PairedDifference | None] = [None]
        differences += [paired_difference(columns[0], column, most=most) for column in columns[1:]]
        means = [sum(column) / len(column) for column in columns]
        rows.append({"name": name, "means": means, "differences": differences, "cases": len(complete)})
    return rows


def _with_texts(recorder: Recorder, rows: Sequence[ComparedExample]) -> list[dict[str, Any]]:
    """The rows of one page, with the example and a line of each answer."""
    examples = recorder.compared.examples([row.id for row in rows])
    ids = [run for row in rows for side in row.sides if side is not None for run in side.run_ids]
    query = RunQuery(ids=ids, limit=len(ids), subtree_usage=False)
    runs = {run["id"]: run for run in recorder.runs.query(query)[0]} if ids else {}
    return [
        {
            "row": row,
            "example": examples[row.id],
            "asked": asked(examples[row.id]["inputs"]),
            "cells": [
                None if side is None else {"side": side, "runs": [_cell(runs[each]) for each in side.run_ids]}
                for side in row.sides
            ],
        }
        for row in rows
        if row.id in examples
    ]


def _cell(run: dict[str, Any]) -> dict[str, Any]:
    return {**run, "answered": run["error"] or answered(run["outputs"]) or run["status"]}


def _answers(runs: Sequence[dict[str, Any]]) -> str:
    """The whole answers of the attempts of one experiment, as text."""
    return "\n\n".join(run["error"] or _whole(run["outputs"]) for run in runs)


def _whole(outputs: Any) -> str:
    said = [message.text for message in messages_in(outputs) if message.role == "agent" and message.text]
    return "\n\n".join(said) or (text(outputs) if outputs else "")
