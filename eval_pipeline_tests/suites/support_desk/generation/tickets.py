"""Past support tickets: a few faults that many customers reported, among everyday noise."""

import datetime as dt
import random
from typing import Any

from eval_pipeline.suites.support_desk.refund_rules import TODAY
from eval_pipeline_tests.suites.support_desk.generation.catalog import PRODUCTS

Row = dict[str, Any]

_THEMES: tuple[tuple[str, int, tuple[str, ...], str], ...] = (
    (
        "P-101",
        16,
        (
            "Since firmware 2.4 the headphones lose the bluetooth connection every few minutes.",
            "Bluetooth drops out all the time, it began with firmware 2.4.",
            "After the update to firmware 2.4 my headphones disconnect from bluetooth.",
        ),
        "Firmware 2.5 restores the connection.",
    ),
    (
        "P-202",
        13,
        (
            "The pump of the machine screams and hardly any coffee comes out.",
            "Very loud pump noise, coffee only drips.",
            "The pump got loud last week and the coffee runs thin.",
        ),
        "The pump was replaced under warranty.",
    ),
    (
        "P-303",
        12,
        (
            "The charging port of the headlamp is loose and the cable falls out.",
            "The cable does not hold in the charging port.",
            "Charging port broken after two weeks, the cable wobbles.",
        ),
        "A replacement lamp was sent.",
    ),
    (
        "P-701",
        14,
        (
            "The mower gets stuck on slopes and its wheels spin when it is wet.",
            "On wet grass the wheels spin on my slope.",
            "My garden has a slope and the wheels of the mower spin in the rain.",
        ),
        "A set of spiked wheels was sent free of charge.",
    ),
    (
        "P-501",
        11,
        (
            "The desk drops by itself at night from the height I stored.",
            "The stored height is forgotten and the desk sinks.",
            "My desk does not keep its stored height.",
        ),
        "The control box was replaced.",
    ),
    (
        "P-602",
        10,
        (
            "The zipper of the main compartment splits open when it is full.",
            "The zipper opens by itself on the main compartment.",
            "Main compartment zipper broken on the first hike.",
        ),
        "A new backpack with the stronger zipper was sent.",
    ),
)

_NOISE: tuple[tuple[str, str], ...] = (
    ("I need the invoice of my last purchase once more.", "The invoice was sent by e-mail."),
    ("Which colours does the {name} come in?", "Black and sand."),
    ("I entered a wrong house number.", "The address was corrected."),
    ("Can I give the {name} back? It is too big for me.", "A return label was sent."),
    ("The box of the {name} arrived dented.", "A photo was requested."),
    ("My gift card shows less than expected.", "The balance was explained."),
    ("When will the {name} be available again?", "An alert was set."),
    ("The voucher from the newsletter is refused.", "The voucher had expired."),
    ("How do I clean the {name}?", "The care guide was sent."),
    ("I was charged twice with my card.", "One of the bookings was a reservation."),
    ("The manual of the {name} is missing.", "A link to the manual was sent."),
    ("I would like to speak about a company account.", "A contact person was named."),
)


def ticket_rows(rng: random.Random, noise: int = 90) -> list[Row]:
    """The rows of `past_tickets.jsonl`, in the order they were opened."""
    names = {product.sku: product.name for product in PRODUCTS}
    texts = [
        (sku, names[sku], rng.choice(complaints), resolution)
        for sku, count, complaints, resolution in _THEMES
        for _ in range(count)
    ]
    for _ in range(noise):
        product = rng.choice(PRODUCTS)
        question, resolution = rng.choice(_NOISE)
        texts.append((product.sku, product.name, question.format(name=product.name), resolution))
    rng.shuffle(texts)
    first = TODAY - dt.timedelta(days=len(texts))
    return [
        {
            "ticket_id": f"T-{3001 + index}",
            "opened_on": (first + dt.timedelta(days=index)).isoformat(),
            "sku": sku,
            "product": name,
            "text": text,
            "resolution": resolution,
        }
        for index, (sku, name, text, resolution) in enumerate(texts)
    ]
