"""The assertion that what tools returned and what answers mention is in the shared context: `grounded_in_context`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import regex
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.assertions.calls import exchanges
from eval_pipeline.assertions.normal_form import normal_text, normal_value
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.assertions.text import checked_pattern
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import Problem
from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample, SuiteFacts

_SHOWN = 5
_SEARCH_S = 5.0
"""Some patterns never end on some texts."""


class ToolResultGrounding(Document):
    """A tool whose result must be the row of a table that its argument names."""

    tool: str
    """The name of the tool."""
    table: str
    """The table of the context that holds its rows."""
    key: str
    """The tool's argument that holds the row's key."""
    rename: Mapping[str, str] = Field(default_factory=dict)
    """Dotted paths in the result, to what the table calls them."""
    ignore: tuple[str, ...] = ()
    """Dotted paths that are not compared."""


class MentionGrounding(Document):
    """Every match of a pattern in the answers must stand in a column of a table, or in the documents of the case."""

    pattern: str
    """A regular expression; its first group, if it has one, is what must be there."""
    table: str | None = None
    """A table of the context; without it, the documents similar to the case are searched."""
    column: str | None = None
    """The column of `table`."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return checked_pattern(value)

    @model_validator(mode="after")
    def _table_with_column(self) -> "MentionGrounding":
        if (self.table is None) != (self.column is None):
            reason = {"fix": "give both, or neither to search the case's similar documents"}
            raise PydanticCustomError("grounding", "`table` and `column` go together", reason)
        return self


class GroundedInContext(Assertion):
    """What the tools returned, and what the answers mention, is what the shared context holds.

    It passes, with a message, where there is nothing to compare.
    """

    type: Literal["grounded_in_context"]
    results: tuple[ToolResultGrounding, ...] = ()
    """What results of tools are compared with."""
    until: tuple[str, ...] = ()
    """Tools that change the world: results after the first successful call of one of them are not compared."""
    mentions: tuple[MentionGrounding, ...] = ()
    """What matches of patterns in the answers are compared with."""

    may_take_long = True
    examples = (
        AssertionExample(
            r"{type: grounded_in_context, mentions: [{pattern: '(\w+) costs', table: prices, column: product}]}",
            "tea costs 4.20",
            "gold costs 9.00",
        ),
    )

    @model_validator(mode="after")
    def _says_something(self) -> "GroundedInContext":
        if not self.results and not self.mentions:
            raise PydanticCustomError("grounding", "nothing to compare", {"fix": "give `results`, `mentions` or both"})
        return self

    @override
    def check(self, scope: Scope) -> CheckResult:
        context = scope.context
        if context is None:
            return CheckResult(passed=False, message="the suite has no shared context to be grounded in")
        compared, differences = 0, []
        for rule in self.results:
            for place, row, result in _results(rule, self.until, scope, context):
                compared += 1
                differences += [f"{place}: {difference}" for difference in _differences(rule, row, result, context)]
        for mention in self.mentions:
            for text in _matches(mention, scope):
                compared += 1
                if not _is_in_context(text, mention, scope, context):
                    differences.append(f"{text!r} does not stand in {mention.table or 'the similar documents'}")
        if not differences:
            message = f"{compared} compared, all as in the context" if compared else "nothing to compare"
            return CheckResult(passed=True, message=message)
        shown = "; ".join(differences[:_SHOWN])
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        return CheckResult(passed=False, message=f"{compared} compared: {shown}{more}")

    @override
    def problems(self, suite: SuiteFacts) -> Iterable[Problem]:
        named = [("results", rule.table) for rule in self.results]
        named += [("mentions", mention.table) for mention in self.mentions if mention.table is not None]
        for field, table in named:
            if table not in suite.tables:
                fix = f"use one of its tables ({', '.join(suite.tables) or 'none'}), or add it"
                yield Problem(message=f"the shared context has no table {table!r}", fix=fix, field=field)


def _results(
    rule: ToolResultGrounding, until: tuple[str, ...], scope: Scope, context: SharedContext
) -> Iterator[tuple[str, dict[str, Any] | None, Any]]:
    """Each result of the rule's tool with its place and row, up to the first successful call of one in `until`."""
    for exchange in exchanges(scope.events):
        if exchange.failed:
            continue
        if exchange.name in until:
            return
        if exchange.name == rule.tool:
            key = exchange.args.get(rule.key)
            yield f"{rule.tool}({key})", context.lookup(rule.table, key), _parsed(exchange.content)


def _differences(
    rule: ToolResultGrounding, row: dict[str, Any] | None, result: Any, context: SharedContext
) -> list[str]:
    if row is None:
        return [f"no such row in {rule.table}"]
    if not isinstance(result, Mapping):
        return ["the result is not a JSON object"]
    returned = {rule.rename.get(path, path): value for path, value in _leaves(result)}
    held = dict(_leaves(row))
    ignored = {*rule.ignore}
    key_column = context.key_column(rule.table)
    if key_column not in returned:
        # A keyed object does not repeat its key inside; the table of its values has it.
        ignored.add(key_column)
    paths = sorted((returned.keys() | held.keys()) - ignored)
    return [
        f"{path} is {returned.get(path)!r}, the context has {held.get(path)!r}"
        for path in paths
        if normal_value(returned.get(path)) != normal_value(held.get(path))
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


def _matches(mention: MentionGrounding, scope: Scope) -> list[str]:
    """Distinct matches in the answers, in order; the pattern's first group where it has one."""
    matches = regex.finditer(mention.pattern, scope.text, timeout=_SEARCH_S, concurrent=True)
    return list(dict.fromkeys(match[1] if match.re.groups else match[0] for match in matches))


def _is_in_context(text: str, mention: MentionGrounding, scope: Scope, context: SharedContext) -> bool:
    if mention.table is not None and mention.column is not None:
        return context.holds(mention.table, mention.column, text)
    return any(normal_text(text) in normal_text(document.text) for document in context.similar_documents(scope.case.id))
