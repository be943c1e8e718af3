"""The help centre: every article, numbered."""

import random
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from eval_pipeline_tests.suites.support_desk.generation.catalog import PRODUCTS, Product
from eval_pipeline_tests.suites.support_desk.generation.policy_articles import Article, policy_articles
from eval_pipeline_tests.suites.support_desk.generation.troubleshooting import GUIDES

_SUPERSEDED = ("P-101", "P-202", "P-302", "P-402", "P-501", "P-701")
"""Products whose guides were rewritten: the first version is still in the help centre, archived."""


def article_rows(rng: random.Random) -> list[dict[str, Any]]:
    """The rows of `articles.jsonl`."""
    articles = [*policy_articles()]
    for product in PRODUCTS:
        articles += [_specification(product), *_guides(product, rng)]
    return [{"id": f"A-{number:03}", **asdict(article)} for number, article in enumerate(articles, start=1)]


def _specification(product: Product) -> Article:
    return Article(
        title=f"{product.name}: specification",
        body=f"The {product.name} ({product.sku}) has {product.feature}. It weighs {product.weight_kg} kilograms and "
        f"belongs to the category {product.category}.",
        category=product.category,
        kind="specification",
        product=product.sku,
    )


def _guides(product: Product, rng: random.Random) -> Iterator[Article]:
    for guide in GUIDES[product.kind]:
        for status, updated in _versions(product):
            blanks = {
                "name": product.name,
                "seconds": rng.choice((3, 5, 8, 10, 12, 15)),
                "minutes": rng.choice((5, 10, 15, 20, 25, 40)),
                "count": rng.randint(2, 9),
                "code": f"{rng.choice('EFH')}{rng.randint(10, 49)}",
            }
            yield Article(
                title=guide.title.format(**blanks),
                body=guide.body.format(**blanks),
                category=product.category,
                kind="troubleshooting",
                product=product.sku,
                status=status,
                updated=updated,
            )


def _versions(product: Product) -> tuple[tuple[str, str], ...]:
    current = ("current", "2026-02-15")
    return (("archived", "2024-09-01"), current) if product.sku in _SUPERSEDED else (current,)
