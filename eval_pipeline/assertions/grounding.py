"""Grounding: what tools returned and what answers mention is what the shared context holds."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import regex

from eval_pipeline.assertions.exchanges import exchanges
from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.context.shared_context import SharedContext

_SHOWN = 5
_SEARCH_S = 5.0
"""Some patterns would never end on some texts."""


def grounded_in_context(assertion: spec.GroundedInContext, scope: Scope) -> CheckResult:
    """No tool result and no mention differs from the snapshot. Nothing to compare is passed, and said so."""
    if scope.context is None:
        return CheckResult(passed=False, message="the suite has no shared context to be grounded in")
    compared, differences = 0, []
    for rule in assertion.results:
        for place, row, result in _results(rule, assertion.until, scope):
            compared += 1
            differences += [f"{place}: {difference}" for difference in _differences(rule, row, result, scope.context)]
    for mention in assertion.mentions:
        for found in _mentions(mention, scope):
            compared += 1
            if not _stands_in_context(found, mention, scope):
                differences.append(f"{found!r} does not stand in {mention.table or 'the similar documents'}")
    if not differences:
        return CheckResult(
            passed=True, message=f"{compared} compared, all as in the context" if compared else "nothing to compare"
        )
    shown = "; ".join(differences[:_SHOWN])
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return CheckResult(passed=False, message=f"{compared} compared: {shown}{more}")


def _results(
    rule: spec.ToolResultGrounding, until: tuple[str, ...], scope: Scope
) -> Iterator[tuple[str, dict[str, Any] | None, Any]]:
    """Each result of the rule's tool with its place and row, up to the first successful call of one in `until`."""
    context = scope.context
    assert context is not None
    for exchange in exchanges(scope.events):
        if exchange.failed:
            continue
        if exchange.name in until:
            return
        if exchange.name == rule.tool:
            key = exchange.args.get(rule.key)
            yield f"{rule.tool}({key})", context.lookup(rule.table, key), _parsed(exchange.content)


def _differences(
    rule: spec.ToolResultGrounding, row: dict[str, Any] | None, result: Any, context: SharedContext
) -> list[str]:
    if row is None:
        return [f"no such row in {rule.table}"]
    if not isinstance(result, Mapping):
        return ["the result is not a JSON object"]
    found = {rule.rename.get(path, path): value for path, value in _leaves(result)}
    held = dict(_leaves(row))
    ignored = {*rule.ignore}
    key_column = context.key_column(rule.table)
    if key_column not in found:
        # A keyed object does not repeat its key inside; the table made of it does.
        ignored.add(key_column)
    paths = sorted((found.keys() | held.keys()) - ignored)
    return [
        f"{path} is {found.get(path)!r}, the context has {held.get(path)!r}"
        for path in paths
        if found.get(path) != held.get(path)
    ]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each scalar inside `value` with its dotted path; an absent value and null are the same."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    elif value is not None:
        yield path, value


def _parsed(content: Any) -> Any:
    try:
        return json.loads(content)
    except (json.JSONDecodeError, TypeError):
        return content


def _mentions(mention: spec.MentionGrounding, scope: Scope) -> list[str]:
    """Distinct matches in the answers, in order; the pattern's first group where it has one."""
    matches = regex.finditer(mention.pattern, scope.text, timeout=_SEARCH_S)
    return list(dict.fromkeys(match[1] if match.re.groups else match[0] for match in matches))


def _stands_in_context(found: str, mention: spec.MentionGrounding, scope: Scope) -> bool:
    context = scope.context
    assert context is not None
    if mention.table is not None and mention.column is not None:
        return context.holds(mention.table, mention.column, found)
    return any(found in document.text for document in context.similar_documents(scope.case.id))
