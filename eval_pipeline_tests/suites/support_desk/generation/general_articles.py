"""Articles about the shop as a whole: payment, accounts, parcels."""

from eval_pipeline.suites.support_desk.refund_rules import GOLD_EXTRA_DAYS

GENERAL: dict[str, str] = {
    "Cancelling an order": (
        "You can cancel an order free of charge as long as its status is processing. Once it is shipped, refuse the "
        "parcel or return it."
    ),
    "Changing the delivery address": (
        "The address of an order can be changed within 2 hours of placing it. Later, ask the carrier to redirect "
        "the parcel."
    ),
    "How long refunds take": (
        "We pay refunds within 5 working days of receiving the parcel. Banks need up to 3 further days to show the "
        "money."
    ),
    "Payment methods": (
        "We accept cards, PayPal, bank transfer and Klarna. Bank transfer orders are reserved for 7 days and "
        "shipped once paid."
    ),
    "Paying in instalments": (
        "Orders from 200 EUR can be paid with Klarna in 3, 6 or 12 monthly instalments. 3 instalments are free of "
        "interest."
    ),
    "Gift cards": (
        "Gift cards are valid for 3 years and cannot be exchanged for cash. What remains on a card stays on it for "
        "the next order."
    ),
    "Loyalty tiers": (
        "You become a silver member from 500 EUR of purchases a year and a gold member from 1500 EUR. Silver "
        "members get 5 percent off, gold members 10 percent."
    ),
    "Benefits of gold members": (
        f"Gold members have {GOLD_EXTRA_DAYS} additional days on top of every refund window and a support line that "
        "answers within 1 hour."
    ),
    "Price match": (
        "If a product gets cheaper within 10 days of your purchase, we refund the difference. Clearance sales are "
        "excluded."
    ),
    "Student discount": (
        "Students get 8 percent off with a valid student card. The discount cannot be combined with a loyalty tier."
    ),
    "Invoices": (
        "The invoice is in your account under Orders as soon as the parcel leaves the warehouse. Company details "
        "can be added within 30 days."
    ),
    "Resetting your password": (
        "Choose Forgot password on the login page. The link in the e-mail is valid for 30 minutes."
    ),
    "Deleting your account": (
        "Accounts are deleted within 14 days of your request. Invoices are kept for 10 years, as the law demands."
    ),
    "Changing your e-mail address": (
        "Change your e-mail address in your account under Profile. Both addresses receive a link, and both must "
        "confirm."
    ),
    "Lost parcels": (
        "A parcel counts as lost 10 working days after its expected date. We then send a replacement or refund you, "
        "as you wish."
    ),
    "Damaged parcels": (
        "Report a damaged parcel within 48 hours of delivery with photos of the box and the product. We collect it "
        "free of charge."
    ),
    "Wrong item received": (
        "If you received the wrong item, keep it packed. We send the right one at once and a label for the other."
    ),
    "Exchanging a product": (
        "We do not exchange products directly. Return the product for a refund and place a new order."
    ),
    "Orders with several items": (
        "Each item has the refund window and the restocking fee of its category. For a refund of the whole order "
        "the shortest window and the highest fee among its items count."
    ),
    "Back in stock alerts": ("Set an alert on the product page. Alerts expire after 60 days."),
    "Opening hours of support": (
        "Support answers from Monday to Friday between 8:00 and 20:00, and on Saturday between 9:00 and 14:00."
    ),
    "Returning a gift": (
        "The person who received a gift can return it with the order number. The money goes to a gift card, not to "
        "the buyer."
    ),
    "Parcel shops and lockers": ("Parcels up to 15 kilograms can be sent to a locker. They are kept there for 7 days."),
    "Old devices and batteries": (
        "We take back old devices and batteries free of charge when you buy a new one of the same kind."
    ),
    "Spare parts": (
        "Spare parts are available for 7 years after a product is discontinued. Order them through a support ticket."
    ),
    "Delivery of furniture": (
        "Furniture is delivered to the kerb. Carrying it to your room costs 49 EUR and must be booked with the order."
    ),
    "Orders for companies": (
        "Companies with a VAT number buy without tax within the European Union. Orders from 2500 EUR get a contact "
        "person."
    ),
}
"""Titles and bodies."""
