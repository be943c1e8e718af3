"""A LangGraph project: the `langgraph.json` that `langgraph dev` reads, with its graphs, dependencies, environment."""

import functools
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from dotenv import dotenv_values
from langchain.embeddings import init_embeddings
from langgraph.store.base import IndexConfig

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.code.places import added_to_path
from eval_pipeline.suite.import_path import is_code_path, resolve

_LOG = logging.getLogger(__name__)
_OURS = ("LANGSMITH_", "LANGCHAIN_", "EVAL_PIPELINE_", "DAGSTER_")
"""Variables by which an evaluation is configured: the environment of a target does not move its traces."""


@dataclass(frozen=True, kw_only=True)
class GraphProject:
    """A `langgraph.json`."""

    file: Path
    fields: Mapping[str, Any]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read `file`.

        Raises:
            InputError: it does not exist, or is not JSON with `graphs`.
        """
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _problem(file, f"it cannot be read: {error}", "name an existing langgraph.json") from error
        if not isinstance(fields, dict) or not isinstance(fields.get("graphs"), dict):
            raise _problem(file, "it lists no graphs", 'write `"graphs": {"name": "./agent.py:graph"}`')
        return cls(file=file, fields=fields)

    @property
    def folder(self) -> Path:
        """The folder that its paths are relative to."""
        return self.file.resolve().parent

    def path_of(self, name: str) -> str:
        """The import path of a graph.

        Raises:
            InputError: there is no such graph, or it is not one in Python.
        """
        graphs = self.fields["graphs"]
        if name not in graphs:
            raise _problem(self.file, f"it has no graph {name!r}", f"use one of {', '.join(map(repr, graphs))}")
        entry = graphs[name]
        path = entry.get("path") if isinstance(entry, Mapping) else entry
        if not isinstance(path, str) or ":" not in path:
            fix = "write `./file.py:graph` or `package.module:graph`"
            raise _problem(self.file, f"graph {name!r} has no path", fix)
        module, _, attribute = path.rpartition(":")
        if module.endswith((".js", ".ts", ".mjs", ".mts")):
            fix = "start it with `langgraph dev` and evaluate it with `kind: remote`"
            raise _problem(self.file, f"graph {name!r} is not in Python", fix)
        return f"{module}:{attribute}"

    @property
    def search_paths(self) -> list[Path]:
        """The folders that its graphs import from: its own, and its local dependencies."""
        local = [self.folder / str(name) for name in self.fields.get("dependencies") or () if not _is_package(name)]
        return [folder.resolve() for folder in [self.folder, *local] if folder.is_dir()]

    def activate(self) -> None:
        """Make its local dependencies importable and set the variables of its `env`, as `langgraph dev` does.

        Variables that are set already keep their values, and those that configure an evaluation are not set.
        """
        for folder in self.search_paths:
            if str(folder) not in sys.path:
                sys.path.append(str(folder))
                added_to_path.add(str(folder))
        for name, value in self._environment().items():
            if name.startswith(_OURS):
                if os.environ.get(name) != value:
                    _warn("%s: `env` sets %s, which is not taken: set it in the shell", self.file, name)
            elif value is not None:
                os.environ.setdefault(name, value)

    def index(self) -> IndexConfig | None:
        """How its store embeds what is put there.

        Raises:
            InputError: its function cannot be imported.
        """
        index = (self.fields.get("store") or {}).get("index")
        if not index:
            return None
        embed = index["embed"]
        if isinstance(embed, str):
            is_code = embed.partition(":")[0].endswith(".py") or is_code_path(embed)
            embed = resolve(embed, folder=self.folder) if is_code else init_embeddings(embed)
        return cast("IndexConfig", {**index, "embed": embed})

    def _environment(self) -> Mapping[str, str | None]:
        env = self.fields.get("env") or {}
        if isinstance(env, Mapping):
            return {str(name): str(value) for name, value in env.items()}
        file = self.folder / str(env)
        if not file.is_file():  # it is rarely committed
            _warn("%s: `env` names %s, which does not exist", self.file, file)
            return {}
        return dotenv_values(file)


@functools.cache
def _warn(message: str, *values: object) -> None:
    """Log a warning, once in a process."""
    _LOG.warning(message, *values)


def _is_package(dependency: Any) -> bool:
    return not str(dependency).startswith((".", "/"))


def _problem(file: Path, message: str, fix: str) -> InputError:
    return InputError(Problem(message=message, fix=fix, file=file, field="target.path"))
