"""Build LangSmith's feedback from the scores of an attempt or of an experiment."""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any
from uuid import UUID

from eval_pipeline.langsmith.ids import feedback_id
from eval_pipeline.langsmith.protocol.rules import MAX_FEEDBACK_KEY_LENGTH
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import AssertionResult, CaseResult
from eval_pipeline.store.timestamps import timestamp

PASSED, SCORE = "passed", "score"
"""The keys of an attempt's verdict; an assertion of the same name gets another key."""
_MAX_COMMENT = 4_000
_REDACTOR = Redactor()


def feedback_of(
    result: CaseResult,
    *,
    run_id: str,
    trace_id: str,
    session_id: UUID | str,
    start_time: dt.datetime,
    evaluator_run_id: str | None,
    redactor: Redactor = _REDACTOR,
) -> list[dict[str, Any]]:
    """The feedback on one attempt's root run: one for each assertion and metric, `passed`, and `score`.

    LangSmith's means over them are those of the summary: an attempt that ended in an error has no score of a metric,
    and one that nothing decided has none of `passed`.

    Args:
        result: the attempt.
        run_id: its root run, which the feedback is on.
        trace_id: of that run.
        session_id: the experiment's project.
        start_time: of that run; servers look it up by this.
        evaluator_run_id: the run that scored, in the same trace.
        redactor: applied before a long comment is cut, for half a secret is no longer recognized.
    """
    place = {
        "run_id": run_id,
        "trace_id": trace_id,
        "session_id": str(session_id),
        "start_time": start_time.astimezone(dt.UTC).isoformat(timespec="microseconds"),
    }
    broke = result.status == "error"
    scored: list[tuple[str, dict[str, Any]]] = [
        (key, _of_assertion(each, scored=not broke))
        for key, each in zip(keys_of(result.assertions), result.assertions, strict=True)
        if not broke or _reports(each)
    ]
    if not broke:
        scored += _of_metrics(result.assertions)
    if result.status != "skipped":
        comment = None if result.error is None else f"{result.error.name}: {result.error.message}"
        score = None if result.status == "unscored" else float(result.status == "passed")
        scored.append((PASSED, {"score": score, "value": result.status, "comment": comment}))
    if result.score is not None:
        scored.append((SCORE, {"score": result.score}))
    return [
        _feedback(
            place,
            key,
            content | {"comment": redactor.text(content.get("comment") or "") or None},
            evaluator_run_id=evaluator_run_id,
            owner=run_id,
            attempt=result.attempt,
        )
        for key, content in scored
    ]


def summary_feedback(session_id: UUID | str, scores: Mapping[str, float]) -> list[dict[str, Any]]:
    """The feedback on an experiment as a whole: `pass_rate` and the mean of each metric."""
    place = {"session_id": str(session_id)}
    return [
        _feedback(place, _cut(key), {"score": score}, evaluator_run_id=None, owner=str(session_id), attempt=None)
        for key, score in scores.items()
    ]


def keys_of(assertions: Sequence[AssertionResult]) -> list[str]:
    """The key of each assertion: its name; of several of one name, whose metric has it, with the turn or a number."""
    names = Counter(assertion.name for assertion in assertions)
    seen: Counter[str] = Counter({PASSED: 1, SCORE: 1})
    of_metrics = {_cut(name) for name, count in names.items() if count > 1}
    keys = []
    for assertion in assertions:
        key = assertion.name
        if names[key] > 1 and assertion.turn is not None:
            key = f"{key} · turn {assertion.turn + 1}"
        key = _cut(key)
        seen[key] += 1
        keys.append(key if seen[key] == 1 and key not in of_metrics else f"{key} · {seen[key]}")
    return keys


def evaluator_keys(assertion_names: Iterable[str]) -> list[str]:
    """The keys that an experiment's project states, for LangSmith's progress bar."""
    return list(dict.fromkeys([*map(_cut, assertion_names), PASSED, SCORE]))


def _reports(result: AssertionResult) -> bool:
    """Whether there is something to report of it in an attempt that ended in an error, before it was carried out."""
    return result.error is not None or not (
        result.passed is None and result.score is None and result.label is None and result.value is None
    )


def _of_metrics(results: Sequence[AssertionResult]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The key and score of each metric that several assertions count under: the mean of theirs."""
    by_name: dict[str, list[AssertionResult]] = defaultdict(list)
    for result in results:
        by_name[result.name].append(result)
    for name, together in by_name.items():
        scores = [score for result in together if (score := _score(result)) is not None]
        if len(together) > 1 and scores and not any(result.error for result in together):
            key = _cut(name)
            content = {"score": fmean(scores), "comment": f"the mean of {len(scores)} assertions"}
            yield f"{key} · metric" if key in {PASSED, SCORE} else key, content


def _score(result: AssertionResult) -> float | None:
    return float(result.passed) if result.score is None and result.passed is not None else result.score


def _of_assertion(result: AssertionResult, *, scored: bool) -> dict[str, Any]:
    error = None if result.error is None else f"{result.error.name}: {result.error.message}"
    score = (_score(result) if result.value is None else result.value) if scored else None
    content: dict[str, Any] = {"score": score, "value": result.label, "comment": error or result.message or None}
    content["source"] = {
        "assertion": result.type,
        "weight": result.weight,
        "turn": result.turn,
        "passed": result.passed,
    }
    content["error"] = result.error is not None or None
    return content


def _feedback(
    place: Mapping[str, str],
    key: str,
    content: Mapping[str, Any],
    *,
    evaluator_run_id: str | None,
    owner: str,
    attempt: int | None,
) -> dict[str, Any]:
    metadata = {name: value for name, value in (content.get("source") or {}).items() if value is not None}
    if attempt is not None:
        metadata["attempt"] = attempt
    if evaluator_run_id is not None:
        metadata["__run"] = {"run_id": evaluator_run_id}
    now = timestamp("microseconds")
    score, comment, value = content.get("score"), content.get("comment"), content.get("value")
    fields = {
        "id": str(feedback_id(owner, key)),
        **place,
        "key": key,
        "score": None if score is None else round(float(score), 4),
        # A text makes the feedback categorical without a configuration of the key, which belongs to the workspace.
        "value": value if value is None or isinstance(value, str) else json.dumps(value, default=str),
        "comment": comment if comment is None or len(comment) <= _MAX_COMMENT else comment[: _MAX_COMMENT - 1] + "…",
        "feedback_source": {"type": "model", "metadata": metadata},
        "error": content.get("error"),
        "created_at": now,
        "modified_at": now,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _cut(key: str) -> str:
    """Cut a key to LangSmith's limit, with room for a suffix that makes it unique."""
    most = MAX_FEEDBACK_KEY_LENGTH - 12
    return key if len(key) <= most else key[: most - 1] + "…"
