"""`python -m dependencies`: print every problem of the installed packages; exit code 1 if there is one."""

import sys

from dependencies.pinned import CONSTRAINTS, problems

problem_lines = problems(CONSTRAINTS.read_text(encoding="utf-8"))
for line in problem_lines:
    print(f"error: {line}")
if not problem_lines:
    print("dependencies: installed as pinned, from the index, complete, with known licences")
print("dependencies: vulnerabilities are checked by `make audit`, which needs a network")
sys.exit(1 if problem_lines else 0)
