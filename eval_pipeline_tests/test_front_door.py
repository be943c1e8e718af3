"""What `eval_pipeline` exports is what the reference documents."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import eval_pipeline

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_the_exported_names_are_those_of_the_reference() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", (DOCS / "python.md").read_text(), re.MULTILINE)
    assert sorted(documented) == eval_pipeline.__all__


@pytest.mark.parametrize("name", eval_pipeline.__all__)
def test_every_exported_name_can_be_imported_and_is_documented(name: str) -> None:
    assert getattr(eval_pipeline, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        eval_pipeline.__getattr__("no_such_name")


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, eval_pipeline; print([name for name in sys.modules if name.startswith('eval_pipeline')])"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "['eval_pipeline']"
