"""`python -m dependencies.audit`: look up known vulnerabilities of the pinned packages with pip-audit.

    0    no vulnerability is known
    1    some are; each is a line, with the version that fixes it
    3    NOT AUDITED: not all packages could be looked up; which, and why

pip-audit itself exits with 0 and "No known vulnerabilities" if the index knows none of the packages, which can happen
with a mirror; so its JSON document decides, not its exit code. Arguments are passed to pip-audit: `-s osv` uses the OSV
database instead of the index.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dependencies.pinned import CONSTRAINTS

PROGRAM = CONSTRAINTS.parent / ".audit-venv" / "bin" / "pip-audit"
"""Installed by `make audit` in an environment of its own, because it is not a dependency of the project."""
_TIMEOUT_S = 1_800.0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The result of an audit: its exit code, and the lines to print."""

    code: int
    lines: Sequence[str]


def audit_of(stdout: str, stderr: str) -> Audit:
    """Read the output of `pip-audit --format json`."""
    try:
        packages: list[dict[str, Any]] = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        errors = [line for line in stderr.strip().splitlines() if line.strip()]
        return Audit(code=3, lines=[f"NOT AUDITED: {errors[-1] if errors else 'pip-audit printed nothing'}"])
    vulnerabilities = [
        f"error: {package['name']} {package['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability.get('fix_versions', ())) or 'no version yet'}"
        for package in packages
        for vulnerability in package.get("vulns", ())
    ]
    skipped = [package for package in packages if "skip_reason" in package]
    audited = len(packages) - len(skipped)
    lines = [
        *vulnerabilities,
        f"{audited} of {len(packages)} packages audited, {len(vulnerabilities)} known vulnerabilities",
    ]
    if skipped or not packages:
        first = skipped[0]["skip_reason"] if skipped else "constraints.txt pins nothing"
        lines.append(f"NOT AUDITED: {len(skipped)} packages, the first because: {first}")
    return Audit(code=1 if vulnerabilities else 3 if skipped or not packages else 0, lines=lines)


def main(arguments: Sequence[str], *, program: Path = PROGRAM, constraints: Path = CONSTRAINTS) -> int:
    """Run pip-audit, print the result, and return the exit code."""
    if not program.exists():
        print(f"NOT AUDITED: {program} does not exist; run make audit")
        return 3
    command = [str(program), "--format", "json", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, "--requirement", str(constraints), *arguments],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"NOT AUDITED: no answer within {_TIMEOUT_S:,.0f} s")
        return 3
    audit = audit_of(done.stdout, done.stderr)
    print("\n".join(audit.lines))
    return audit.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
