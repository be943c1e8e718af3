"""What is installed is what constraints.txt pins; each way in which it may not be is named."""

from collections.abc import Sequence
from email.message import Message
from importlib import metadata
from typing import Any, cast

import pytest

from dependencies.pinned import CONSTRAINTS, licence_of, problems


class _Installed:
    def __init__(self, version: str, *requires: str, licence: str = "MIT", url: str | None = None) -> None:
        self.version, self.requires, self._url = version, requires, url
        self.metadata = Message()
        if licence:
            self.metadata["License-Expression"] = licence

    def read_text(self, name: str) -> str | None:
        return self._url if name == "direct_url.json" else None


def _problems(text: str, **packages: _Installed) -> Sequence[str]:
    def find(name: str) -> metadata.Distribution:
        if name not in packages:
            raise metadata.PackageNotFoundError(name)
        return cast("metadata.Distribution", packages[name])

    return problems(text, find)


def _project(*requires: str) -> dict[str, _Installed]:
    return {"eval-pipeline": _Installed("0.1", *requires, licence="", url="{}")}


def test_what_is_installed_here_is_what_is_pinned() -> None:
    assert problems(CONSTRAINTS.read_text()) == []


def test_what_is_as_it_should_be_is_no_fault() -> None:
    packages = {**_project("A-b[more]>=1", 'gone; sys_platform == "win32"', 'dev-tool; extra == "dev"')}
    packages |= {"a-b": _Installed("1.0", 'c; extra == "more"', "d"), "c": _Installed("2"), "d": _Installed("3")}
    packages |= {"dev-tool": _Installed("4", 'its-own; extra == "dev"')}
    assert _problems("# pins\na_b==1.0\nc==2\nD==3  # why\ndev-tool==4\n", **packages) == []


@pytest.mark.parametrize(
    ("pins", "installed", "message"),
    [
        ("a==1", {"a": _Installed("2")}, "a: 2 is installed, but 1 is pinned; run make install"),
        ("", {"a": _Installed("1")}, "a: required, but not in constraints.txt; 1 is installed"),
        ("a==1", {}, "a: required but not installed; run make install"),
        ("", {}, "a: required, but neither installed nor in constraints.txt"),
        ("a==1\nb==1", {"a": _Installed("1")}, "b: in constraints.txt, but nothing requires it"),
        ("a==1", {"a": _Installed("1", url="{}")}, "a: installed from a URL or a folder, not from the index"),
        ("a==1", {"a": _Installed("1", licence="")}, "a: has no licence in its metadata"),
        ("a==1", {"a": _Installed("1", licence="AGPL-3.0-only")}, "a: its licence, AGPL-3.0-only, would apply"),
    ],
)
def test_each_fault_is_named(pins: str, installed: dict[str, _Installed], message: str) -> None:
    (problem,) = _problems(pins, **_project("a"), **installed)
    assert problem.startswith(message)


def test_what_another_python_or_system_needs_may_be_pinned() -> None:
    requires = ['old; python_full_version < "3.11.3"', 'win; sys_platform == "win32"', 'no; extra == "more"']
    packages = {**_project("a", 'tool; extra == "dev" and sys_platform == "win32"'), "a": _Installed("1", *requires)}
    assert _problems("a==1\nold==1\nwin==1\ntool==1\n", **packages) == []
    assert _problems("a==1\nno==1\n", **packages) == ["no: in constraints.txt, but nothing requires it"]


@pytest.mark.parametrize("python", ["3.11.0", "3.11.2", "3.12.3", "3.13.1", "3.14.0"])
def test_what_each_python_needs_is_pinned(python: str) -> None:
    environment = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    problem = problems(CONSTRAINTS.read_text(), environment=environment)
    assert [fault for fault in problem if "constraints.txt" in fault] == []


@pytest.mark.parametrize("line", ["a @ https://host/a.whl", "a>=1", "--index-url https://host", "-e ."])
def test_a_line_that_is_no_plain_version_is_named(line: str) -> None:
    (problem,) = _problems(f"# pins\n{line}\n", **_project())
    assert problem == f"constraints.txt, line 2: {line!r} is no plain version; write name==version"


def test_a_licence_is_found_in_each_form_that_metadata_had() -> None:
    def licence(**fields: str) -> str:
        message: Any = Message()
        for name, value in fields.items():
            message[name.replace("_", "-")] = value
        return licence_of(message)

    assert licence(License_Expression="MIT", License="other") == "MIT"
    assert licence(Classifier="License :: OSI Approved :: BSD License", License="long text") == "BSD License"
    assert licence(License="Apache 2.0\nand all of its text") == "Apache 2.0"
    assert licence(Classifier="Topic :: Software") == ""
