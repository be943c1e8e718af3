"""The files of a suite to start from, which runs offline: a target in Python, a table as its context, and two cases."""

import re
from pathlib import Path

from eval_pipeline.errors import InputError, Problem

_SUITE = """\
name: {name}
description: Answers of the shop's agent, on the prices of today.
cases: cases.yaml
context:
  tables:
    prices: {{file: prices.csv, key: product}}  # read once, and given to every case
target: {{kind: python, path: "agent.py:answer"}}  # or kind: langgraph, remote, http, chat
gates: {{min_pass_rate: 0.9}}
schedule: {{cron: "0 3 * * *", enabled: false}}
"""
_CASES = """\
- id: price-of-tea
  input: What does tea cost?
  assertions:
    - {type: contains, value: "4.20"}
- id: not-for-sale
  input: What does gold cost?
  assertions:
    - {type: contains, value: "do not sell"}
"""
_AGENT = '''\
"""The agent under test: replace `answer` with yours, or name a graph in suite.yaml."""

from eval_pipeline import get_shared_context


def answer(message: str) -> str:
    product = message.rstrip("?").split()[-2]
    row = get_shared_context().lookup("prices", product)
    return f"{product} costs {row['price']:.2f}" if row else f"We do not sell {product}."
'''
_PRICES = "product,price\ntea,4.20\nmilk,1.10\n"


def write_starter(folder: Path, name: str) -> None:
    """Write the suite `name` into `folder`, which may exist but must not have any of the files.

    Raises:
        InputError: a file is there already.
    """
    files = {
        "suite.yaml": _SUITE.format(name=suite_name(name)),
        "cases.yaml": _CASES,
        "agent.py": _AGENT,
        "prices.csv": _PRICES,
    }
    for file in files:
        if (folder / file).exists():
            raise InputError(Problem(message="it exists already", fix="choose another folder", file=folder / file))
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")


def suite_name(text: str) -> str:
    """The name of a suite made from `text`: letters, digits and `_`, beginning with a letter."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII)[:60]
    return name if name[:1].isalpha() else f"suite_{name}"
