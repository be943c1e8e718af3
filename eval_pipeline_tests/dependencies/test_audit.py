"""What an answer of pip-audit is worth. Its documents here are as version 2.10 printed them."""

import json
from pathlib import Path
from typing import Any

import pytest

from dependencies.audit import audit_of, main

_FINE = {"name": "a", "version": "1", "vulns": []}
_WEAK = {
    "name": "b",
    "version": "2",
    "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"], "aliases": [], "description": ""}],
}
_UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (3)"}


def _said(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_packages_of_which_nothing_is_known_are_well() -> None:
    audit = audit_of(_said(_FINE), "No known vulnerabilities found")
    assert (audit.code, list(audit.lines)) == (0, ["1 of 1 packages audited, 0 known vulnerabilities"])


def test_a_weakness_is_named_with_the_version_that_has_none() -> None:
    audit = audit_of(_said(_FINE, _WEAK), "")
    assert (audit.code, audit.lines[0]) == (1, "error: b 2: CVE-1, fixed in 2.1")


def test_packages_that_the_index_does_not_know_are_not_audited_whatever_pip_audit_says() -> None:
    audit = audit_of(_said(_FINE, _UNKNOWN), "No known vulnerabilities found")
    assert audit.code == 3
    assert audit.lines[-1].startswith("NOT AUDITED: 1 packages, the first because: Dependency not found")


def test_a_weakness_counts_for_more_than_a_package_that_is_not_known() -> None:
    assert audit_of(_said(_WEAK, _UNKNOWN), "").code == 1


@pytest.mark.parametrize("stdout", ["", "Traceback", "[]", _said()])
def test_an_answer_that_is_none_is_no_audit(stdout: str) -> None:
    audit = audit_of(stdout, "first\nConnectionError: the network is away\n")
    assert (audit.code, audit.lines[-1].startswith("NOT AUDITED")) == (3, True)


def test_it_asks_the_program_of_what_is_pinned(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program, constraints = tmp_path / "pip-audit", tmp_path / "constraints.txt"
    program.write_text(f"#!/bin/sh\necho \"$@\" > {tmp_path}/asked\ncat <<'E'\n{_said(_WEAK)}\nE\nexit 1\n")
    program.chmod(0o755)

    assert main(["-s", "osv"], program=program, constraints=constraints) == 1
    assert "CVE-1" in capfd.readouterr().out
    assert f"--requirement {constraints} -s osv" in (tmp_path / "asked").read_text()


def test_without_the_program_it_says_that_nothing_was_audited(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([], program=tmp_path / "gone") == 3
    assert "NOT AUDITED" in capfd.readouterr().out
