"""Generate support_desk's data: `python -m eval_pipeline_tests.suites.support_desk.generation.data_files [FOLDER]`.

The same seed gives the same bytes.
"""

import csv
import io
import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval_pipeline.suites import support_desk
from eval_pipeline_tests.suites.support_desk.generation.articles import article_rows
from eval_pipeline_tests.suites.support_desk.generation.catalog import POLICIES, PRODUCTS, rows
from eval_pipeline_tests.suites.support_desk.generation.sales import customer_rows, order_rows, shipment_rows
from eval_pipeline_tests.suites.support_desk.generation.tickets import ticket_rows

SEED = 20260615
DATA = Path(support_desk.__file__).parent / "data"

Row = Mapping[str, Any]


def generate(seed: int = SEED) -> dict[str, str]:
    """The text of every data file, by its name.

    Each part draws from a generator of its own, so that a change to one leaves the others as they are.
    """
    customers = customer_rows(random.Random(f"{seed} customers"))
    orders = order_rows(random.Random(f"{seed} orders"), customers)
    shipments = shipment_rows(random.Random(f"{seed} shipments"), orders, customers)
    return {
        "customers.csv": _csv(customers),
        "orders.json": json.dumps({order["order_id"]: _without(order, "order_id") for order in orders}, indent=1)
        + "\n",
        "shipments.csv": _csv(shipments),
        "products.csv": _csv(rows(PRODUCTS)),
        "policies.csv": _csv(rows(POLICIES)),
        "articles.jsonl": _jsonl(article_rows(random.Random(f"{seed} articles"))),
        "past_tickets.jsonl": _jsonl(ticket_rows(random.Random(f"{seed} tickets"))),
    }


def write(folder: Path = DATA) -> None:
    """Write every data file into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in generate().items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


def _csv(records: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _jsonl(records: Sequence[Row]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _without(record: Row, key: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != key}


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
