"""A small suite of files, for tests that break it: a table, documents, an agent, and three cases, one failing."""

from pathlib import Path

SUITE = """\
name: shop
cases: cases.yaml
context:
  tables:
    prices: {file: prices.csv, key: product}
  documents:
    source: {file: notes.jsonl}
    retrieval: {k: 1}
target: {kind: python, path: "agent.py:answer"}
gates: {min_pass_rate: 0.5, max_error_rate: 0.0}
"""

CASES = """\
- id: gold
  input: What does gold cost?
  split: hard
  assertions:
    - {type: contains, value: "999"}
- id: milk
  input: What does milk cost?
  tags: [dairy]
  assertions:
    - {type: contains, value: "1.10"}
- id: tea
  input: What does tea cost?
  assertions:
    - {type: contains, value: "4.20"}
"""

AGENT = """\
from eval_pipeline.context.shared_context import get_shared_context


def answer(message: str) -> str:
    product = message.rstrip("?").split()[-2]
    row = get_shared_context().lookup("prices", product)
    return f"{product} costs {row['price']:.2f}" if row else f"We do not sell {product}."
"""

PRICES = "product,price\ntea,4.20\nmilk,1.10\n"
NOTES = '{"id": "n1", "text": "tea is from Assam"}\n{"id": "n2", "text": "milk is from a cow"}\n'


def write_small_suite(folder: Path) -> Path:
    """Write the suite into `folder`, which is made if it is not there. Returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"suite.yaml": SUITE, "cases.yaml": CASES, "agent.py": AGENT, "prices.csv": PRICES, "notes.jsonl": NOTES}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
