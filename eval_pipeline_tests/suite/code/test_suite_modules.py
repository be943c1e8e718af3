"""A suite's code imports its own modules as it does when it is run by itself."""

import builtins
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.suite.import_path import is_import_path, resolve
from eval_pipeline.suite.suite import read_suite_document


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """`folder`, with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


_X = "x = 'own'"
_LATE = "def f():\n    import late\n    return late.x\nx = f()"
_BY_NAME = "from importlib import import_module\nx = import_module('.late', __package__).x"


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("agent.py:x", {"agent.py": "from helpers import x", "helpers.py": _X}),
        ("./agent.py:x", {"agent.py": "import helpers\nx = helpers.x", "helpers.py": _X}),
        ("my-agent.py:x", {"my-agent.py": "from tools import x", "tools.py": _X}),
        ("agent.py:x", {"agent.py": "from tools import x", "tools/__init__.py": "from .a import x", "tools/a.py": _X}),
        ("agent.py:x", {"agent.py": "import tools.a as a\nx = a.x", "tools/__init__.py": "", "tools/a.py": _X}),
        ("agent.py:x", {"agent.py": "import tools.a\nx = tools.a.x", "tools/a.py": _X}),
        ("agent.py:x", {"agent.py": "from tools.a import *", "tools/a.py": _X}),
        ("agents/agent.py:x", {"agents/agent.py": "from tools import x", "agents/tools.py": _X}),
        ("agents/agent.py:x", {"agents/agent.py": "from tools import x", "tools.py": _X}),
        ("src/pack/graph.py:x", {"src/pack/graph.py": "from pack.tools import x", "src/pack/tools.py": _X}),
        ("src/pack/graph.py:x", {"src/pack/graph.py": "from ..other import x", "src/other.py": _X}),
        ("pack.graph:x", {"src/pack/graph.py": "from pack.tools import x", "src/pack/tools.py": _X}),
        ("pack:x", {"pack/__init__.py": "from pack.graph import x", "pack/graph.py": _X}),
        ("agent.py:x", {"agent.py": _LATE, "late.py": _X}),
        ("agent.py:x", {"agent.py": "import importlib\nx = importlib.import_module('late').x", "late.py": _X}),
        ("agent.py:x", {"agent.py": _BY_NAME, "late.py": _X}),
        ("agent.py:x", {"agent.py": "from statistics import x", "statistics.py": _X}),
        ("agent.py:x", {"agent.py": "import json\nx = json.loads('\"own\"')", "json/data.txt": ""}),
        (
            "pack/a.py:x",
            {"pack/__init__.py": "", "pack/types.py": "", "pack/a.py": "from types import new_class\n" + _X},
        ),
    ],
)
def test_what_is_importable_by_itself_is_importable_here(folder: Path, files: Mapping[str, str], path: str) -> None:
    assert is_import_path(path)
    before = list(sys.path)
    assert resolve(path, folder=write(folder, files)) == "own"
    assert sys.path == before


def test_a_package_of_the_project_around_the_suite_is_importable(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "", "src/mine/__init__.py": "x = 'own'", "evals/agent.py": "from mine import x"})
    assert resolve("agent.py:x", folder=tmp_path / "evals") == "own"
    assert resolve("mine:x", folder=tmp_path / "evals") == "own"


@pytest.mark.parametrize("late", [False, True])
def test_two_suites_with_modules_of_one_name_have_each_its_own(tmp_path: Path, *, late: bool) -> None:
    code = "def answer():\n    from helpers import text\n    return text()\n"
    code = code if late else "from helpers import text\nanswer = text\n"
    folders = []
    for name in ("one", "two"):
        own = {"agent.py": code, "helpers.py": f"from pack.words import text\nname = {name!r}"}
        words = f"from helpers import name as other\ndef text():\n    import helpers\n    return {name!r}, helpers.name"
        folders.append(
            write(tmp_path / name, {**own, "pack/words.py": words.replace("from helpers import name as other\n", "")})
        )
    answers: list[Any] = [resolve("agent.py:answer", folder=folder) for folder in folders]
    assert [answer() for answer in answers] == [("one", "one"), ("two", "two")]
    assert "helpers" not in sys.modules


def test_a_file_is_one_module_whichever_way_it_is_imported(folder: Path) -> None:
    code = "import importlib\nimport lib.words as a\nfrom .lib import words as b\n"
    code += "c = importlib.import_module('lib.words')\n"
    write(folder, {"agent.py": code + "same = a is b is c\n", "lib/words.py": ""})
    assert resolve("agent.py:same", folder=folder) is True


def test_libraries_do_not_see_the_modules_of_a_suite(folder: Path) -> None:
    """As `email` beside a script breaks every library that imports it."""
    code = "import email\nimport email.x\nimport mailbox\nx = email.x.__name__"
    write(folder, {"agent.py": code, "email/__init__.py": "", "email/x.py": ""})
    sys.modules.pop("mailbox", None)
    assert str(resolve("agent.py:x", folder=folder)).endswith(".email.x")


def test_a_module_that_is_importable_anyway_is_not_imported_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, {"importable_anyway.py": "x = object()", "agent.py": "from importable_anyway import x"})
    monkeypatch.syspath_prepend(str(folder))
    import importable_anyway  # type: ignore[import-not-found]  # noqa: PLC0415 - it was written just now

    assert resolve("agent.py:x", folder=folder) is importable_anyway.x is resolve("importable_anyway:x", folder=folder)


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("agent.py:grph", "did you mean 'graph'?"),
        ("agnt.py:graph", "did you mean 'agent.py'?"),
        ("agent.py:graph.nam", "did you mean 'name'?"),
    ],
)
def test_the_nearest_name_is_suggested_for_one_that_is_misspelt(folder: Path, path: str, fix: str) -> None:
    write(folder, {"agent.py": "class graph:\n    name = 1\n"})
    with pytest.raises(InputError) as raised:
        resolve(path, folder=folder)
    assert raised.value.problems[0].fix == fix


def test_an_error_in_a_module_names_modules_as_the_user_does(folder: Path) -> None:
    write(folder, {"agent.py": "import pack.gone\n", "pack/__init__.py": ""})
    with pytest.raises(InputError, match=r"No module named 'pack\.gone'"):
        resolve("agent.py:x", folder=folder)


def test_a_module_that_was_changed_within_a_second_runs_as_it_is(tmp_path: Path) -> None:
    """Bytecode that Python keeps is compared by whole seconds and by size."""
    write(tmp_path / "one", {"agent.py": "x = 1\n"})
    assert resolve("agent.py:x", folder=tmp_path / "one") == 1
    assert not (tmp_path / "one" / "__pycache__").exists()


def test_builtins_that_a_module_installs_are_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `gettext.install` and `icecream.install` do."""
    monkeypatch.setattr(builtins, "installed_later", None, raising=False)
    monkeypatch.delattr(builtins, "installed_later")
    code = "def f():\n    return installed_later(), len([1])\nimport installs\n"
    installs = "import builtins\nbuiltins.installed_later = lambda: 'later'\n"
    write(folder, {"agent.py": code, "installs.py": installs})
    assert resolve("agent.py:f", folder=folder)() == ("later", 1)


def test_a_suite_that_is_read_again_runs_its_code_as_it_is_now(folder: Path) -> None:
    write(folder, {"suite.yaml": "name: shop\n", "agent.py": "from words import x", "words.py": "x = [1]"})
    before = resolve("agent.py:x", folder=folder)
    read_suite_document(folder)
    assert resolve("agent.py:x", folder=folder) is before  # nothing changed

    write(folder, {"words.py": "x = [20]"})
    assert resolve("agent.py:x", folder=folder) is before  # of the same suite
    read_suite_document(folder)
    assert resolve("agent.py:x", folder=folder) == [20]
