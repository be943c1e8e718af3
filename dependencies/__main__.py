"""`python -m dependencies`: every fault of `pinned.py` on a line; exit code 1 if there is one."""

import sys

from dependencies.pinned import CONSTRAINTS, faults

found = faults(CONSTRAINTS.read_text(encoding="utf-8"))
for fault in found:
    print(f"error: {fault}")
if not found:
    print("dependencies: installed as pinned, from the index, whole, licences known")
print("dependencies: weaknesses are not looked up here, which takes a network: `make audit` asks for those known")
sys.exit(1 if found else 0)
