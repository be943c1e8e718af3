"""Every package that the code imports is declared in pyproject.toml, not merely installed by another."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def imported_modules() -> set[str]:
    modules = set()
    for path in (ROOT / "eval_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Import):
                modules.update(alias.name.partition(".")[0] for alias in node.names)
    return modules - sys.stdlib_module_names - {"eval_pipeline"}


def test_directly_imported_packages_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {canonicalize_name(Requirement(text).name) for group in groups for text in group}
    distributions = packages_distributions()

    modules = imported_modules()
    missing = {
        module: distributions.get(module)
        for module in modules
        if not declared & {canonicalize_name(name) for name in distributions.get(module, ())}
    }
    assert len(modules) > 30
    assert missing == {}
