"""The metrics of a suite: names with two meanings, names that no metric has, and cases that cannot fail."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.assertion import Assertion, SuiteFacts
from eval_pipeline.wording import nearest

OF_ATTEMPTS = ("pass_rate", "score")
"""Numbers that every attempt has, whatever is asserted."""
GOAL_REACHED = "goal_reached"
"""The metric of a simulated user's goal."""

Placed = tuple[int, str, Assertion]
"""An assertion, the number of its place (equal for those on the same turn), and its field."""


def metric_names(assertions: Iterable[Assertion], cases: Iterable[Case], facts: SuiteFacts) -> set[str] | None:
    """The metrics of a suite's assertions and those of its cases; None if one of them may report any metric."""
    names: set[str] = set()
    for assertion in (*assertions, *(each for case in cases for each in case.every_assertion)):
        own = assertion.metrics(facts)
        if own is None:
            return None
        names.update(own)
    if any(case.simulation is not None and case.simulation.goal_required for case in cases):
        names.add(GOAL_REACHED)
    return names


def require_metric(
    metric: str, assertions: Iterable[Assertion], cases: Iterable[Case], facts: SuiteFacts, *, field: str
) -> None:
    """Raise if `metric` is neither a number of every attempt nor a metric of the suite.

    Raises:
        InputError: names the nearest metrics.
    """
    if metric in OF_ATTEMPTS:
        return
    names = metric_names(assertions, cases, facts)
    if names is not None and metric not in names:
        fix = nearest(metric, [*OF_ATTEMPTS, *names])
        raise InputError(Problem(message=f"no assertion has the metric {metric!r}", fix=fix, field=field))


def clashes(placed: Sequence[Placed]) -> Iterator[Problem]:
    """A problem for each assertion of a case that gives a metric a second meaning.

    Assertions of built-in types that count under one name are one metric, the share that passed. A callable of the
    user's shares its metric with nothing but itself, on other turns.
    """
    by_metric: dict[str, list[Placed]] = defaultdict(list)
    for each in placed:
        by_metric[each[2].metric].append(each)
    for metric, together in by_metric.items():
        (_, first_field, first), places = together[0], {together[0][0]}
        for place, field, assertion in together[1:]:
            exclusive = assertion.calls_user_code or first.calls_user_code
            if exclusive and (place in places or assertion != first):
                yield Problem(
                    message=f"{first_field} counts under the metric {metric!r} as well, so that it would have two "
                    "meanings",
                    fix="give one of the two another `name`",
                    field=f"{field}.name",
                )
            places.add(place)


def cases_that_cannot_fail(
    assertions: Sequence[Assertion], cases: Iterable[Case], facts: SuiteFacts
) -> dict[str, list[Assertion]]:
    """By id: the cases of which everything that is asserted only scores, with what is asserted of them."""

    def may_fail(asserted: Iterable[Assertion]) -> bool:
        return any(each.weight > 0 and each.may_decide(facts) for each in asserted)

    if may_fail(assertions):
        return {}
    return {
        case.id: asserted
        for case in cases
        if not (case.simulation is not None and case.simulation.goal_required)
        and not may_fail(case.every_assertion)
        and (asserted := [each for each in (*assertions, *case.every_assertion) if each.weight > 0])
    }
