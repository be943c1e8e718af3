"""Read YAML with the line of every node, so that errors can name their place."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.patterns import secret_in
from eval_pipeline.redaction.secret_names import names_secret
from eval_pipeline.suite.documents.text_file import read_text

type_path = tuple[str | int, ...]
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_NODES = 1_000_000
"""The limit on nodes: with aliases of aliases a few lines expand to any number of them."""
_DEEPEST = 1_000
_MERGE = "tag:yaml.org,2002:merge"
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}")
_KEY = re.compile(r"[^\s${}]{16,}")
_NOT_A_NAME = re.compile(r"\W")


class _PlainLoader(yaml.SafeLoader):
    """Reads scalars without quotes as text, unless all of YAML 1.1, YAML 1.2 and JSON agree that they are not.

    YAML 1.1 alone reads `NO` as false, `010` as 8, `1_000` as 1000, and `12:30` as 750.
    """


_PlainLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    # With the sign of the exponent, without which YAML 1.1 has no number.
    ("float", r"-?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+][0-9]+)?", list("-.0123456789")),
    ("float", r"-?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-.")),
    ("merge", "<<", ["<"]),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)

_FAST_LOADER: Any = _PlainLoader
if yaml.__with_libyaml__:

    class _LibyamlLoader(yaml.CSafeLoader):
        """As `_PlainLoader`, ten times as fast."""

    _LibyamlLoader.yaml_implicit_resolvers = _PlainLoader.yaml_implicit_resolvers
    _FAST_LOADER = _LibyamlLoader


@dataclass(frozen=True, kw_only=True)
class YamlDocument:
    """The data of a YAML file, and the 1-based line of each node by its path from the root."""

    file: Path
    data: Any
    lines: Mapping[type_path, int]

    def line_of(self, path: type_path) -> int | None:
        """The line of the node at `path`, or of its nearest existing ancestor."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read_yaml(file: Path, *, interpolate: bool = False) -> YamlDocument:
    """Read one YAML document.

    Args:
        file: the file to read.
        interpolate: whether to replace `${NAME}` and `${NAME:-default}` in strings by environment variables.

    Raises:
        InputError: the file is missing, is not YAML, repeats a key, or names an environment variable that is not set.
    """
    text = read_text(file)
    reader = _NodeReader(file=file, interpolate=interpolate)
    try:
        node = _composed(text)
        data = None if node is None else reader.value(node, ())
    except RecursionError as error:
        message = "an anchor stands inside itself, or the nesting is too deep"
        raise InputError(Problem(message=message, fix="write the value out", file=file)) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        reason = " ".join(filter(None, (error.context, error.problem)))
        raise InputError(
            Problem(message=f"not valid YAML: {reason}", fix="correct the syntax there", file=file, line=line)
        ) from error
    except yaml.YAMLError as error:
        raise InputError(Problem(message=f"not valid YAML: {error}", fix="correct the syntax", file=file)) from error
    if reader.problems:
        raise InputError(reader.problems)
    return YamlDocument(file=file, data=data, lines=reader.lines)


def _composed(text: str) -> yaml.Node | None:
    # Errors have one reader's messages, whatever is installed; and libyaml ends the process where it has no more stack.
    with contextlib.suppress(yaml.YAMLError):
        if not _is_deep(text):
            return yaml.compose(text, Loader=_FAST_LOADER)
    return yaml.compose(text, Loader=_PlainLoader)


def _is_deep(text: str) -> bool:
    """Whether collections stand in each other more than `_DEEPEST` times, other than by indentation alone."""
    if sum(map(text.count, "[{-?")) <= _DEEPEST:
        return False
    depth = 0
    for event in yaml.parse(text, Loader=_FAST_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return True
    return False


class _NodeReader:
    def __init__(self, *, file: Path, interpolate: bool) -> None:
        self.file, self.interpolate = file, interpolate
        self.lines: dict[type_path, int] = {}
        self.problems: list[Problem] = []
        self._nodes = 0
        self._constructor = yaml.SafeLoader("")

    def value(self, node: yaml.Node, path: type_path) -> Any:
        self._count(node)
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        scalar = self._scalar(node)
        if isinstance(scalar, str) and _LONE_SURROGATE.search(scalar):
            self._add_problem(node, "a lone surrogate is no character", "write the character, or leave it out")
        return self._interpolated(scalar, path) if self.interpolate and isinstance(scalar, str) else scalar

    def _mapping(self, node: yaml.MappingNode, path: type_path) -> dict[str, Any]:
        own: set[str] = set()
        for key_node, _ in node.value:
            key = _key(key_node)
            if key in own:
                self._add_problem(key_node, f"key {key!r} is given twice", "keep one of the two")
            own.add(key)
        values = {_key(key_node): value_node for key_node, value_node in self._pairs(node)}
        return {key: self.value(value_node, (*path, key)) for key, value_node in values.items()}

    def _pairs(self, node: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """Keys and values, those merged with `<<` first: the mapping's own come later and override them."""
        self._count(node)
        if not isinstance(node, yaml.MappingNode):
            self._add_problem(node, "only mappings can be merged with `<<`", "give an anchor of a mapping")
            return
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = value_node.value[::-1] if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in merged:
                    yield from self._pairs(source)
        yield from ((key, value) for key, value in node.value if key.tag != _MERGE)

    def _count(self, node: yaml.Node) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            message = f"more than {_MOST_NODES:,} nodes, aliases written out"
            fix = "use fewer aliases, or write the cases as .jsonl"
            raise InputError(Problem(message=message, fix=fix, file=self.file, line=node.start_mark.line + 1))

    def _add_problem(self, node: yaml.Node, message: str, fix: str) -> None:
        self.problems.append(Problem(message=message, fix=fix, file=self.file, line=node.start_mark.line + 1))

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self._constructor.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            reason = str(error).splitlines()[0]
            self._add_problem(node, f"cannot be read as YAML: {reason}", "quote the value")
            return None
        # A date that is tagged as one stays text, as the author sees it.
        return node.value if hasattr(value, "isoformat") else value

    def _interpolated(self, text: str, path: type_path) -> str:
        def replacement(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            value = os.environ.get(name) or default
            if value is None:
                self.problems.append(
                    Problem(
                        message=f"environment variable {name} is not set",
                        fix=f"set it, or give a default with ${{{name}:-default}}",
                        file=self.file,
                        line=self.line(path),
                        field=field_path(path),
                    )
                )
                return ""
            return value

        self._refuse_secret(_VARIABLE.sub(lambda match: match["default"] or "", text), path)
        return _VARIABLE.sub(replacement, text)

    def _refuse_secret(self, written: str, path: type_path) -> None:
        """Add a problem for a secret in the file itself: every reader of the repository would have it."""
        kind = secret_in(written)
        option = bool({"options", "params"} & set(path)) and isinstance(path[-1], str) and names_secret(path[-1])
        if kind is None and not (option and _KEY.fullmatch(written)):
            return
        name = _NOT_A_NAME.sub("_", str(path[-1])).upper() if option else "NAME"
        self.problems.append(
            Problem(
                message=f"a secret is written here ({kind or path[-1]})",
                fix=f"revoke it, put a new one into the environment, and write ${{{name}}}",
                file=self.file,
                line=self.line(path),
                field=field_path(path),
            )
        )

    def line(self, path: type_path) -> int | None:
        return self.lines.get(path)


def _key(node: yaml.Node) -> str:
    """A key as text, as the author sees it: `on` is not a boolean, and `2024-05-01` not a date."""
    return str(node.value)


def field_path(path: type_path) -> str:
    """`("turns", 0, "value")` as `turns[0].value`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
