"""What the shop sells and where it ships: the hand-written part of the data."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Product:
    """One article of the shop. `kind` selects its troubleshooting guides."""

    sku: str
    name: str
    category: str
    kind: str
    price: float
    weight_kg: float
    feature: str


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What holds for every product of a category."""

    category: str
    refund_days: int
    restocking_fee_percent: int
    warranty_months: int
    return_shipping: str
    exception: str


@dataclass(frozen=True, kw_only=True)
class Region:
    """A country the shop ships to; days are working days, prices are euros."""

    country: str
    standard_days: str
    express_days: str
    standard_price: float
    express_price: float
    free_from: int
    carrier: str
    customs: str


POLICIES = tuple(
    Policy(
        category=category,
        refund_days=days,
        restocking_fee_percent=fee,
        warranty_months=months,
        return_shipping=shipping,
        exception=exception,
    )
    for category, days, fee, months, shipping, exception in (
        ("audio", 30, 0, 24, "free", "earbuds with a broken hygiene seal cannot be returned"),
        ("kitchen", 45, 0, 24, "free", "machines that were used must be descaled and dry before they are sent back"),
        ("lighting", 60, 0, 36, "free", "smart bulbs must be removed from every home app first"),
        ("wearables", 14, 0, 12, "paid by the customer", "engraved items cannot be returned"),
        (
            "furniture",
            21,
            15,
            60,
            "collected by our carrier for 39 EUR",
            "assembled furniture is refunded at 50 percent of its price",
        ),
        ("outdoor", 90, 0, 36, "free", "tents and backpacks must be clean and dry"),
        ("garden", 35, 10, 24, "paid by the customer", "tools with blades must be returned in their transport guard"),
        ("office", 28, 0, 24, "free", "opened label rolls and ink cannot be returned"),
    )
)

PRODUCTS = tuple(
    Product(sku=sku, name=name, category=category, kind=kind, price=price, weight_kg=weight, feature=feature)
    for sku, name, category, kind, price, weight, feature in (
        ("P-101", "Aria Wireless Headphones", "audio", "bluetooth", 149.00, 0.27, "a battery that lasts 38 hours"),
        (
            "P-102",
            "Aria Mini Earbuds",
            "audio",
            "bluetooth",
            89.00,
            0.06,
            "a charging case that holds 24 hours of play",
        ),
        ("P-103", "Cantor Bookshelf Speaker", "audio", "device", 229.00, 6.4, "an amplifier of 80 watts per channel"),
        ("P-104", "Pebble Travel Speaker", "audio", "bluetooth", 59.00, 0.45, "a housing that is waterproof to IPX7"),
        (
            "P-105",
            "Tempo Turntable",
            "audio",
            "device",
            319.00,
            5.8,
            "a belt drive with 33 and 45 revolutions per minute",
        ),
        ("P-201", "Cuprum Kettle", "kitchen", "heating", 74.90, 1.2, "a capacity of 1.7 litres"),
        ("P-202", "Barista Espresso Machine", "kitchen", "heating", 449.00, 9.1, "a pump with 15 bar of pressure"),
        ("P-203", "Grano Coffee Grinder", "kitchen", "motor", 119.00, 2.6, "40 grind settings"),
        ("P-204", "Nonna Cast-Iron Pan", "kitchen", "care", 64.50, 2.9, "a diameter of 28 centimetres"),
        ("P-205", "Rondo Blender", "kitchen", "motor", 99.00, 3.3, "a jug of 1.5 litres"),
        ("P-301", "Halo Desk Lamp", "lighting", "light", 79.00, 1.9, "five colour temperatures"),
        ("P-302", "Lumen Smart Bulb", "lighting", "light", 24.90, 0.1, "a socket of type E27 and 806 lumen"),
        ("P-303", "Trail Headlamp", "lighting", "headlamp", 49.00, 0.09, "a beam that reaches 120 metres"),
        ("P-304", "Aurora Floor Lamp", "lighting", "light", 139.00, 5.2, "a height of 165 centimetres"),
        ("P-401", "Pulse Fitness Band", "wearables", "wearable", 69.00, 0.03, "a battery that lasts 12 days"),
        ("P-402", "Meridian Watch", "wearables", "wearable", 259.00, 0.05, "satellite navigation and a sapphire glass"),
        ("P-403", "Drift Sleep Ring", "wearables", "wearable", 189.00, 0.01, "a battery that lasts 5 nights"),
        (
            "P-404",
            "Compass Kids Tracker",
            "wearables",
            "wearable",
            54.00,
            0.04,
            "a strap for wrists from 11 centimetres",
        ),
        (
            "P-501",
            "Oslo Standing Desk",
            "furniture",
            "desk",
            549.00,
            38.0,
            "a lifting height from 62 to 127 centimetres",
        ),
        ("P-502", "Nook Armchair", "furniture", "furniture", 379.00, 19.5, "a cover that can be washed at 30 degrees"),
        ("P-503", "Fjord Bookshelf", "furniture", "furniture", 199.00, 27.0, "shelves that carry 25 kilograms each"),
        ("P-504", "Pivot Office Chair", "furniture", "furniture", 289.00, 16.2, "a load limit of 130 kilograms"),
        (
            "P-601",
            "Ridge Tent",
            "outdoor",
            "textile",
            239.00,
            2.4,
            "room for 2 people and a water column of 3000 millimetres",
        ),
        ("P-602", "Summit Backpack", "outdoor", "textile", 129.00, 1.5, "a volume of 40 litres"),
        ("P-603", "Ember Camp Stove", "outdoor", "gas", 84.00, 0.4, "an output of 2.8 kilowatts"),
        ("P-604", "Glacier Water Filter", "outdoor", "filter", 44.00, 0.2, "a cartridge that filters 1000 litres"),
        ("P-701", "Moss Robot Mower", "garden", "robot", 899.00, 11.0, "an area of up to 600 square metres"),
        ("P-702", "Sprout Irrigation Kit", "garden", "filter", 109.00, 1.8, "hoses for 25 plants"),
        ("P-703", "Terra Pruning Saw", "garden", "care", 39.00, 0.5, "a blade of 24 centimetres"),
        ("P-704", "Bloom Greenhouse", "garden", "furniture", 329.00, 31.0, "a floor area of 3.1 square metres"),
        ("P-801", "Quill Label Printer", "office", "device", 94.00, 0.8, "labels up to 24 millimetres wide"),
        ("P-802", "Atlas Docking Station", "office", "device", 179.00, 0.6, "charging with 96 watts"),
        ("P-803", "Slate E-Reader", "office", "device", 149.00, 0.2, "a screen of 7 inches and 32 gigabytes"),
        ("P-804", "Focus Webcam", "office", "device", 119.00, 0.15, "video in 4K at 30 frames per second"),
    )
)

REGIONS = tuple(
    Region(
        country=country,
        standard_days=standard,
        express_days=express,
        standard_price=price,
        express_price=express_price,
        free_from=free_from,
        carrier=carrier,
        customs=customs,
    )
    for country, standard, express, price, express_price, free_from, carrier, customs in (
        ("Germany", "2 to 3", "1", 4.90, 11.90, 60, "DHL", ""),
        ("Austria", "3 to 4", "1 to 2", 6.90, 14.90, 75, "Post AG", ""),
        ("Switzerland", "4 to 6", "2 to 3", 12.90, 24.90, 150, "Swiss Post", "import tax of 8.1 percent"),
        ("France", "3 to 5", "2", 7.90, 16.90, 80, "Chronopost", ""),
        ("Italy", "4 to 6", "2 to 3", 8.90, 18.90, 90, "BRT", ""),
        ("Spain", "5 to 7", "3", 9.90, 19.90, 100, "SEUR", ""),
        ("Netherlands", "2 to 4", "1 to 2", 5.90, 13.90, 70, "PostNL", ""),
        ("Poland", "3 to 5", "2", 6.50, 15.90, 80, "InPost", ""),
        ("Sweden", "4 to 7", "2 to 3", 10.90, 21.90, 110, "PostNord", ""),
        ("Norway", "6 to 9", "3 to 4", 16.90, 32.90, 200, "Posten", "import tax of 25 percent"),
        ("United Kingdom", "5 to 8", "3", 13.90, 27.90, 160, "Royal Mail", "import tax of 20 percent above 135 GBP"),
        ("Ireland", "5 to 7", "3", 11.90, 22.90, 120, "An Post", ""),
    )
)


def rows(records: tuple[Product, ...] | tuple[Policy, ...]) -> list[dict[str, Any]]:
    """`records` as rows of a table, without the column that only generation needs."""
    return [{key: value for key, value in asdict(record).items() if key != "kind"} for record in records]
