"""Parse LangSmith's filter language, such as `and(eq(run_type, "llm"), gt(latency, "5s"))`, in bounded depth."""

import json
import re
from dataclasses import dataclass
from typing import Any

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse

_LONGEST, _DEEPEST = 20_000, 50
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][\w.]*)|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r'|(?P<string>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')|(?P<mark>[(),\[\]]))',
    re.DOTALL,
)
_LITERALS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Any, ...]
    place: int
    """Where it stands in the text, from 0."""


@dataclass(frozen=True, kw_only=True)
class FieldName:
    """The name of a field."""

    text: str
    place: int


@dataclass(frozen=True, kw_only=True)
class _Token:
    kind: str
    text: str
    place: int


def invalid(reason: str, place: int | None = None) -> ErrorResponse:
    """The refusal of a filter: 400, with the place."""
    where = "" if place is None else f" at character {place + 1}"
    return ErrorResponse(400, {"detail": f"Invalid filter{where}: {reason}"})


def parse_filter(text: str) -> Call:
    """The tree of a filter expression; strings, numbers, `true`, `false`, `null` and lists stand for themselves.

    Raises:
        ErrorResponse: 400 for a syntax error.
    """
    if not isinstance(text, str):
        raise invalid("it is no text")
    if len(text) > _LONGEST:
        raise invalid(f"it is longer than {_LONGEST} characters")
    parser = _Parser(_tokens(text), len(text))
    expression = parser.expression(0)
    if (left := parser.next()) is not None:
        raise invalid(f"unexpected {left.text!r}", left.place)
    if not isinstance(expression, Call):
        raise invalid("a condition must be a function call", 0)
    return expression


def _tokens(text: str) -> list[_Token]:
    tokens, position, end = list[_Token](), 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            place = position + len(text[position:]) - len(text[position:].lstrip())
            raise invalid(f"unexpected {text[place : place + 20]!r}", place)
        kind = str(match.lastgroup)
        tokens.append(_Token(kind=kind, text=match[kind], place=match.start(kind)))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens, self._end, self._at = tokens, end, 0

    def next(self) -> _Token | None:
        """The next token, which is taken."""
        if self._at == len(self._tokens):
            return None
        self._at += 1
        return self._tokens[self._at - 1]

    def expression(self, depth: int) -> Any:
        token = self.next()
        if token is None:
            raise invalid("it ends too early", self._end)
        if depth > _DEEPEST:
            raise invalid(f"it is nested deeper than {_DEEPEST}", token.place)
        if token.kind == "string":
            return _string(token)
        if token.kind == "number":
            return _number(token.text)
        if token.text == "[":
            return list(self._until("]", depth))
        if token.kind != "name":
            raise invalid(f"unexpected {token.text!r}", token.place)
        if self._is_next("("):
            self.next()
            return Call(function=token.text, arguments=self._until(")", depth), place=token.place)
        if token.text in _LITERALS:
            return _LITERALS[token.text]
        return FieldName(text=token.text, place=token.place)

    def _until(self, end: str, depth: int) -> tuple[Any, ...]:
        expressions: list[Any] = []
        while not self._is_next(end):
            if expressions:
                comma = self.next()
                if comma is None or comma.text != ",":
                    place = self._end if comma is None else comma.place
                    raise invalid(f"{',' if comma else repr(end)} is missing", place)
            expressions.append(self.expression(depth + 1))
        self.next()
        return tuple(expressions)

    def _is_next(self, text: str) -> bool:
        return self._at < len(self._tokens) and (self._tokens[self._at].kind, self._tokens[self._at].text) == (
            "mark",
            text,
        )


def _string(token: _Token) -> str:
    text = token.text
    if text.startswith("'"):
        text = '"' + re.sub(r'\\\'|"', lambda match: "'" if match[0] == "\\'" else '\\"', text[1:-1]) + '"'
    try:
        return str(json.loads(text, strict=False))
    except ValueError as error:
        raise invalid(f"{token.text[:40]} is no string", token.place) from error


def _number(text: str) -> int | float:
    return float(text) if any(character in text for character in ".eE") else int(text[:400])
