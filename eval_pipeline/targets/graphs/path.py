"""What `target.path` of a graph names: an import path, a graph of a `langgraph.json`, or one node of either."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from eval_pipeline.suite.import_path import checked_import_path, resolve
from eval_pipeline.targets.graphs.project import GraphProject

_NODE = re.compile(r"""(?P<graph>.+)\.nodes\[(?P<quote>['"]?)(?P<node>[^'"\]]+)(?P=quote)\]""")
_PROJECT = re.compile(r"(?P<file>[^:]*\.json):(?P<name>.+)")


@dataclass(frozen=True, kw_only=True)
class GraphPath:
    """A parsed `target.path`."""

    graph: str
    """An import path, or `langgraph.json:name`."""
    node: str | None = None
    """The only node that is evaluated."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `agent.py:graph`, `langgraph.json:agent`, or either followed by `.nodes[name]`."""
        match = _NODE.fullmatch(text)
        return cls(graph=text) if match is None else cls(graph=match["graph"], node=match["node"])

    def checked(self) -> Self:
        """This path.

        Raises:
            PydanticCustomError: it has none of the forms.
        """
        if _PROJECT.fullmatch(self.graph) is None:
            checked_import_path(self.graph)
        return self

    def source(self, folder: Path) -> "GraphSource":
        """Where the object is.

        Args:
            folder: the suite's.

        Raises:
            InputError: the `langgraph.json` cannot be read, or has no such graph.
        """
        match = _PROJECT.fullmatch(self.graph)
        if match is None:
            return GraphSource(path=self.graph, folder=folder, name=None, project=None)
        project = GraphProject.read(folder / match["file"])
        return GraphSource(
            path=project.path_of(match["name"]), folder=project.folder, name=match["name"], project=project
        )


@dataclass(frozen=True, kw_only=True)
class GraphSource:
    """The import path of a graph, the folder it is relative to, and the project that lists it."""

    path: str
    folder: Path
    name: str | None
    """The graph's name in its project, which is also the name of its runs."""
    project: GraphProject | None

    def load(self) -> Any:
        """The object that the path names: a graph, a runnable, or a callable that builds one.

        Raises:
            InputError: it cannot be imported.
        """
        if self.project is not None:
            self.project.activate()
        return resolve(self.path, folder=self.folder)
