"""What users say, by what they want: the examples that `intent.py` compares with.

Belongs here: a few typical phrasings for each intent. Does not belong here: sentences of the suite's cases; a test
holds that no case shares four words in a row with an example.
"""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "order": (
        "status of an order",
        "contents of the purchase, items and quantities",
        "total amount charged, sum on the bill",
        "payment method used, paid by card",
        "discount deducted from the price",
        "date the order was placed",
        "show order details",
        "was it cancelled or confirmed",
    ),
    "tracking": (
        "where has the parcel got to",
        "track a package",
        "expected arrival, when does it arrive",
        "tracking number of a shipment",
        "carrier of this delivery",
        "already shipped or still waiting",
        "day of delivery, was it delivered",
        "late parcel, nothing came yet",
    ),
    "orders": (
        "list of orders",
        "history of everything bought",
        "most recent orders",
        "number of orders so far",
    ),
    "account": (
        "loyalty tier, bronze or silver or gold",
        "amount spent in total over the years",
        "name and country in the account",
        "member since, customer number",
    ),
    "refund": (
        "give me my money back",
        "refund this order",
        "make a refund request",
        "start a return of the goods",
        "returning it for a refund",
    ),
    "eligibility": (
        "is a return still possible",
        "still refundable or expired",
        "last day to send it back",
        "too late for returning this",
    ),
    "policy": (
        "days allowed for returns of a category",
        "refund policy, restocking fee, who pays return shipping",
        "warranty period and what it covers",
        "duration and cost of standard or express shipping to a country",
        "customs and import tax on parcels",
        "instalments, gift cards, student discount, price match",
        "reset a password, change an address, delete an account",
        "opening hours of support",
        "duration of a payout to the bank",
    ),
    "trouble": (
        "device broken, does not work",
        "will not turn on, no light, does not charge",
        "error code on the display and its meaning",
        "reset, clean, descale, update or assemble it",
        "leaks, noise, stops, connection lost, cannot pair or sync",
        "loose, slips, gets stuck",
    ),
    "known": (
        "a fault that is known already",
        "other customers with the same problem",
        "many complaints about this product, common fault",
    ),
    "product": (
        "price of a product, what it costs",
        "weight of a product, heavy or light",
        "features and specification",
    ),
    "human": (
        "speak with a human, a real person",
        "open a support ticket",
        "let a colleague or manager call back, escalate a complaint",
    ),
}
