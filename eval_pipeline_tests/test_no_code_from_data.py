"""Nothing that is read can become code: no pickles, no `eval`, no YAML that makes objects."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import eval_pipeline

PACKAGE = Path(eval_pipeline.__file__).parent
MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
CALLS = {"eval", "exec", "compile", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle", "np.load"}


def _found(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                yield module
            case ast.Call(func=called) if ast.unparse(called) in CALLS:
                yield ast.unparse(called)


@pytest.mark.parametrize(
    "source", ["import pickle", "from cloudpickle import loads", "eval(text)", "yaml.load(text, Loader=yaml.Loader)"]
)
def test_the_search_finds_what_it_is_for(source: str) -> None:
    assert list(_found(source))


def test_no_module_makes_code_of_data() -> None:
    files = list(PACKAGE.rglob("*.py"))
    assert len(files) > 300
    found = {str(file.relative_to(PACKAGE)): list(_found(file.read_text(encoding="utf-8"))) for file in files}
    assert {file: names for file, names in found.items() if names} == {}
