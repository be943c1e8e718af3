"""The examples in the READMEs of openevals and agentevals, as they are installed, as suites to evaluate."""

import ast
import importlib.metadata
import itertools
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_pipeline.suite.import_path import resolve

_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SCORE = re.compile(r"'?score'?: *(\w[\w.]*)")
_KEY = re.compile(r"'?key'?: *'([^']+)'")

_MODEL = ("gpt-5.6-sol", "gpt-4o")
"""The only change to examples: LangChain calls the newer models by an API that our server does not have."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One call of an evaluator, and what the README says of its result."""

    package: str
    number: int
    """Of the block in the README, from 1."""
    source: str
    """Everything before the call."""
    evaluator: str
    """The name it has there."""
    call: Mapping[str, str]
    """The keyword arguments, as expressions."""
    key: str
    score: bool | float

    def __str__(self) -> str:
        return f"{self.package}-{self.number}"

    def write(self, folder: Path) -> tuple[str, dict[str, Any]]:
        """Write the evaluator to a file of a suite. Returns its import path, and what it is called with."""
        name = f"{self.package}_{self.number}.py"
        (folder / name).write_text(self.source, encoding="utf-8")
        path = f"{name}:{self.evaluator}"
        scope = vars(_module(path, folder))
        return path, {key: eval(text, dict(scope)) for key, text in self.call.items()}


def examples_of(package: str) -> Iterator[Example]:
    """Those of the README's Python blocks that call an evaluator, and are followed by a result with a score."""
    blocks = list(_BLOCK.finditer(_readme(package)))
    earlier = ""
    for number, (block, after) in enumerate(itertools.pairwise(blocks), start=1):
        key, score = _KEY.search(after[2]) or re.search("key: '(.*?)'", after[2]), _SCORE.search(after[2])
        if block[1] != "python":
            continue
        source, call = _apart(block[2].replace("\\`", "`").replace(*_MODEL))
        # Some examples use what the block before them defines, or forget to import this.
        source, earlier = "\n".join(["import json", earlier * ("def " in earlier), source]), source
        if after[1] or key is None or score is None:
            continue
        if call is not None:
            yield Example(
                package=package,
                number=number,
                source=source,
                evaluator=ast.unparse(call.func),
                call={str(word.arg): ast.unparse(word.value) for word in call.keywords},
                key=key[1],
                score=ast.literal_eval(score[1].capitalize() if score[1].isalpha() else score[1]),
            )


def _apart(code: str) -> tuple[str, ast.Call | None]:
    """The code before the evaluator is called, and the call: the last assigned one whose arguments are data."""
    before: list[str] = []
    found: ast.Call | None = None
    try:
        statements = ast.parse(code).body
    except SyntaxError:  # the outline of a signature
        statements = []
    for statement in statements:
        value = getattr(statement, "value", None)
        words = {word.arg for word in value.keywords} if isinstance(value, ast.Call) else set()
        if isinstance(value, ast.Call) and words & {"outputs", "context"} and not value.args:
            found = value
        elif not (isinstance(value, ast.Call) and ast.unparse(value.func) == "print"):
            before.append(ast.unparse(statement))
    return "\n".join(before), found


def _module(path: str, folder: Path) -> types.ModuleType:
    import sys  # noqa: PLC0415 - the module was imported by its path, under a name of the loader's

    resolve(path, folder=folder)
    stem = path.partition(".py:")[0]
    return next(
        module
        for name, module in sys.modules.items()
        if name.endswith(f".{stem}") and str(getattr(module, "__file__", "")).startswith(str(folder))
    )


def _readme(package: str) -> str:
    text: str = importlib.metadata.metadata(package).json["description"]  # type: ignore[assignment]
    return text
