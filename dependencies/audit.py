"""`python -m dependencies.audit`: are weaknesses known of what constraints.txt pins? Asked by pip-audit.

    0    none is known of any
    1    some are, each on a line, with the version that has none
    3    NOT AUDITED: it could not be asked of all; which, and why

pip-audit itself ends with 0 and "No known vulnerabilities" where the index knows none of the packages, as a mirror
may not; so its document is read, not its word. Arguments go to pip-audit: `-s osv` asks the database OSV instead of
the index.
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
"""In an environment of its own, which `make audit` makes: nothing that we ship needs it."""
_TIMEOUT_S = 1_800.0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What came of asking."""

    code: int
    lines: Sequence[str]


def audit_of(stdout: str, stderr: str) -> Audit:
    """What a run of pip-audit is worth, by what it printed with `--format json`."""
    try:
        packages: list[dict[str, Any]] = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = [line for line in stderr.strip().splitlines() if line.strip()]
        return Audit(code=3, lines=[f"NOT AUDITED: {said[-1] if said else 'pip-audit said nothing'}"])
    weak = [
        f"error: {package['name']} {package['version']}: {weakness['id']}, "
        f"mended in {', '.join(weakness.get('fix_versions', ())) or 'no version yet'}"
        for package in packages
        for weakness in package.get("vulns", ())
    ]
    skipped = [package for package in packages if "skip_reason" in package]
    asked = len(packages) - len(skipped)
    lines = [*weak, f"{asked} of {len(packages)} packages audited, {len(weak)} weaknesses known"]
    if skipped or not packages:
        first = skipped[0]["skip_reason"] if skipped else "constraints.txt pins nothing"
        lines.append(f"NOT AUDITED: {len(skipped)} packages, the first because: {first}")
    return Audit(code=1 if weak else 3 if skipped or not packages else 0, lines=lines)


def main(arguments: Sequence[str], *, program: Path = PROGRAM, constraints: Path = CONSTRAINTS) -> int:
    """Ask, say, and return the exit code."""
    if not program.exists():
        print(f"NOT AUDITED: there is no {program}; make audit")
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
    found = audit_of(done.stdout, done.stderr)
    print("\n".join(found.lines))
    return found.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
