"""Articles about the shop's rules: returns, warranty, shipping, orders, accounts."""

from collections.abc import Iterator
from dataclasses import dataclass

from eval_pipeline_tests.suites.support_desk.generation.catalog import POLICIES, REGIONS, Policy, Region
from eval_pipeline_tests.suites.support_desk.generation.general_articles import GENERAL

_OLD_REFUND_DAYS = {"audio": 14, "kitchen": 30, "wearables": 30, "furniture": 14, "outdoor": 60, "office": 14}
_OLD_WARRANTY_MONTHS = {"furniture": 24, "outdoor": 24, "wearables": 24}


@dataclass(frozen=True, kw_only=True)
class Article:
    """One article, without its id: `article_rows` numbers them."""

    title: str
    body: str
    category: str
    kind: str
    product: str | None = None
    region: str | None = None
    status: str = "current"
    updated: str = "2026-03-01"


def policy_articles() -> Iterator[Article]:
    """Every article about rules, outdated ones included."""
    for policy in POLICIES:
        yield from _category_articles(policy)
    for category, days in _OLD_REFUND_DAYS.items():
        yield _old_refund_article(category, days, marked=category != "furniture")
    for category, months in _OLD_WARRANTY_MONTHS.items():
        yield _old_warranty_article(category, months)
    for region in REGIONS:
        yield from _region_articles(region)
    for title, body in GENERAL.items():
        yield Article(title=title, body=body, category="general", kind="policy")


def _category_articles(policy: Policy) -> Iterator[Article]:
    fee = (
        f"A restocking fee of {policy.restocking_fee_percent} percent is kept back."
        if policy.restocking_fee_percent
        else "There is no restocking fee."
    )
    name = policy.category
    yield Article(
        title=f"Refund window for {name} products",
        body=f"You can return {name} products within {policy.refund_days} days of delivery and get your money back. "
        f"{fee} Return shipping is {policy.return_shipping}. Please note that {policy.exception}.",
        category=name,
        kind="policy",
    )
    yield Article(
        title=f"Warranty for {name} products",
        body=f"The warranty for {name} products lasts {policy.warranty_months} months from the day of delivery. "
        "It covers faults of material and manufacture, but neither wear nor accidents. "
        "Open a ticket with a photo to claim it.",
        category=name,
        kind="policy",
    )


def _old_refund_article(category: str, days: int, *, marked: bool) -> Article:
    return Article(
        title=f"Refund window for {category} products (2024)",
        body=f"You can return {category} products within {days} days of delivery and get your money back. "
        "These terms apply to orders placed before 1 January 2025.",
        category=category,
        kind="policy",
        # One was forgotten when the others were archived: only its text shows that it is outdated.
        status="archived" if marked else "current",
        updated="2024-02-01",
    )


def _old_warranty_article(category: str, months: int) -> Article:
    return Article(
        title=f"Warranty for {category} products (2024)",
        body=f"The warranty for {category} products lasts {months} months. "
        "These terms apply to orders placed before 1 January 2025.",
        category=category,
        kind="policy",
        status="archived",
        updated="2024-02-01",
    )


def _region_articles(region: Region) -> Iterator[Article]:
    country = region.country
    yield Article(
        title=f"Standard shipping to {country}",
        body=f"Standard shipping to {country} takes {region.standard_days} working days and costs "
        f"{region.standard_price:.2f} EUR. "
        f"It is free for orders of {region.free_from} EUR or more. Parcels are delivered by {region.carrier}.",
        category="shipping",
        kind="shipping",
        region=country,
    )
    express = "working day" if region.express_days == "1" else "working days"
    yield Article(
        title=f"Express shipping to {country}",
        body=f"Express shipping to {country} takes {region.express_days} {express} and costs "
        f"{region.express_price:.2f} EUR. "
        "Orders placed before 14:00 leave our warehouse on the same day. Furniture cannot be sent by express.",
        category="shipping",
        kind="shipping",
        region=country,
    )
    duty = (
        f"Parcels to {country} are subject to {region.customs}, which the carrier collects on delivery. "
        "It is returned if you send the order back."
        if region.customs
        else f"There are no customs or import taxes on parcels to {country}; "
        "all prices include the local value added tax."
    )
    yield Article(
        title=f"Customs and taxes for {country}", body=duty, category="shipping", kind="shipping", region=country
    )
