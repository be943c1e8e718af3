"""Troubleshooting guides: per kind of product, the faults it has and the steps that help."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Guide:
    """One fault; `{name}` is the product, `{seconds}`, `{code}`, `{minutes}` and `{count}` are drawn per product."""

    title: str
    body: str


GUIDES: dict[str, tuple[Guide, ...]] = {
    "bluetooth": (
        Guide(
            "{name} does not pair with a phone",
            "If your phone does not find the {name}, delete it from the phone's list of known devices first. Hold "
            "the power button for {seconds} seconds until the light blinks blue. Only {count} devices can be "
            "remembered; a further one replaces the oldest.",
        ),
        Guide(
            "{name}: sound drops out or crackles",
            "Drop-outs of the {name} mostly come from an old firmware. Update it in the Larkfield app; the update "
            "takes {minutes} minutes. Keep the phone within {count} metres and away from microwave ovens.",
        ),
        Guide(
            "{name} does not charge",
            "Clean the contacts of the {name} with a dry cloth and use a charger of at most 10 watts. A red light "
            "that blinks {count} times means that the battery is too cold; wait {minutes} minutes at room "
            "temperature.",
        ),
    ),
    "device": (
        Guide(
            "{name} does not turn on",
            "Unplug the {name} for {minutes} minutes, then hold its power key for {seconds} seconds. If the light "
            "stays off, the power supply is faulty and is replaced under warranty.",
        ),
        Guide(
            "{name} shows error {code}",
            "Error {code} on the {name} means that its settings are damaged. Reset it to factory settings: press "
            "the recessed button with a pin for {seconds} seconds. Settings are lost, stored content is kept.",
        ),
        Guide(
            "Updating the {name}",
            "Updates for the {name} appear in the Larkfield app under Devices. Keep it on mains power: the update "
            "takes {minutes} minutes and restarts the device {count} times.",
        ),
    ),
    "heating": (
        Guide(
            "Descaling the {name}",
            "Descale the {name} every {count} weeks with citric acid. Fill it to the mark, add 30 grams, let it "
            "work for {minutes} minutes and rinse twice. Vinegar damages the seals.",
        ),
        Guide(
            "{name} shows error {code}",
            "Error {code} on the {name} means that it ran dry. Let it cool for {minutes} minutes, fill it with "
            "water and hold the start key for {seconds} seconds.",
        ),
        Guide(
            "{name} leaks water",
            "If the {name} leaks, check that the seal sits in its groove. A new seal costs nothing in the first "
            "{count} months; order it through a support ticket.",
        ),
    ),
    "motor": (
        Guide(
            "{name} stops while running",
            "The motor of the {name} has a heat guard that switches it off after {minutes} minutes of load. Let it "
            "cool for twice that time. Then press the reset switch below for {seconds} seconds.",
        ),
        Guide(
            "{name} is blocked",
            "Unplug the {name} before you reach into it. Turn the blade holder to the left with the key supplied, "
            "remove what blocks it and tighten it by {count} clicks.",
        ),
        Guide(
            "Cleaning the {name}",
            "Parts of the {name} that touch food are dishwasher safe up to 60 degrees, the motor base is not. Dry "
            "the burrs or blades for {minutes} minutes before assembly.",
        ),
    ),
    "care": (
        Guide(
            "Care of the {name}",
            "Never put the {name} into the dishwasher. Wipe it dry and rub it with {count} drops of oil after use.",
        ),
        Guide(
            "Rust on the {name}",
            "Light rust on the {name} is no defect. Rub it off with steel wool, oil it and heat or store it dry for "
            "{minutes} minutes.",
        ),
        Guide(
            "Loose handle of the {name}",
            "Tighten the screw in the handle of the {name} by at most {count} quarter turns.",
        ),
    ),
    "light": (
        Guide(
            "{name} flickers",
            "The {name} flickers when a dimmer for filament bulbs is in the circuit. Replace the dimmer or set the "
            "minimum brightness to {count} percent in the app.",
        ),
        Guide(
            "{name} cannot be found in the app",
            "The {name} joins networks of 2.4 gigahertz only. Switch it off and on {count} times until it pulses, "
            "then wait {minutes} minutes for the app to find it.",
        ),
        Guide(
            "{name} does not turn on",
            "If the {name} stays dark, hold the switch for {seconds} seconds to leave the transport lock. Its light "
            "source can be replaced with part number L-{code}.",
        ),
    ),
    "headlamp": (
        Guide(
            "{name} gets dim",
            "The {name} lowers its light when its battery falls below {minutes} percent. Below 0 degrees the "
            "battery lasts {count} hours less.",
        ),
        Guide(
            "{name} does not turn on",
            "The {name} is sold with its transport lock on: press both buttons for {seconds} seconds to leave it.",
        ),
        Guide(
            "Charging the {name}",
            "The {name} charges in {count} hours over USB-C. Close the cap of the port afterwards: only then is the "
            "lamp waterproof.",
        ),
    ),
    "wearable": (
        Guide(
            "{name} does not sync",
            "Open the Larkfield app, allow Bluetooth in the background and hold the {name} within {count} metres of "
            "the phone. The first sync of a new device takes {minutes} minutes.",
        ),
        Guide(
            "{name}: battery drains quickly",
            "Continuous pulse measurement halves the battery life of the {name}. Set it to every {minutes} minutes, "
            "and restart the device by holding the side of it for {seconds} seconds.",
        ),
        Guide(
            "Swimming with the {name}",
            "The {name} is waterproof to 5 ATM: swimming is fine, diving and saunas are not. Rinse off salt water "
            "within {minutes} minutes.",
        ),
    ),
    "desk": (
        Guide(
            "{name} shows error {code}",
            "Error {code} on the {name} means that the legs are not level with each other. Reset it: hold the down "
            "key for {seconds} seconds until the frame has reached its lowest point.",
        ),
        Guide(
            "{name} moves slowly",
            "Above a load of 80 kilograms the {name} slows down. After {count} full lifts in a row it rests for "
            "{minutes} minutes.",
        ),
        Guide(
            "Assembling the {name}",
            "Two people need {minutes} minutes for the {name}. Tighten the {count} frame screws last.",
        ),
    ),
    "furniture": (
        Guide(
            "Assembling the {name}",
            "Two people need {minutes} minutes to assemble the {name}. All {count} bolts are tightened by hand "
            "first and with the key at the end.",
        ),
        Guide(
            "Missing parts of the {name}",
            "If a part of the {name} is missing, open a ticket with the number on its bag. Parts are sent within "
            "{count} working days, free of charge.",
        ),
        Guide(
            "{name} wobbles",
            "Turn the {count} levelling feet of the {name} until it stands firmly, and tighten all bolts again "
            "after a week.",
        ),
    ),
    "textile": (
        Guide(
            "Cleaning the {name}",
            "Wash the {name} by hand in lukewarm water without softener. Let it dry for {minutes} minutes in the "
            "shade; the coating does not bear the sun for longer.",
        ),
        Guide(
            "A seam of the {name} leaks",
            "Seal the seam of the {name} from inside with {count} thin layers of seam sealer. Seams are covered by "
            "the warranty.",
        ),
        Guide(
            "Repairing a tear in the {name}",
            "Patches for the {name} stick after {minutes} minutes under a weight. Round their corners.",
        ),
    ),
    "gas": (
        Guide(
            "{name} does not light",
            "Check that the cartridge of the {name} is screwed in by {count} full turns. In frost, warm the "
            "cartridge for {minutes} minutes in your jacket. Never use it in a tent.",
        ),
        Guide(
            "{name}: which cartridges fit",
            "The {name} takes EN 417 screw cartridges. One of 230 grams burns for {minutes} minutes.",
        ),
        Guide(
            "{name} burns yellow",
            "A yellow flame of the {name} means that the jet is dirty. Clean it with the needle {count} times.",
        ),
    ),
    "filter": (
        Guide(
            "{name}: low flow",
            "Flush the {name} backwards with {count} litres of clean water when the flow drops. Do not let it "
            "freeze: a frozen cartridge must be replaced.",
        ),
        Guide(
            "Winter storage of the {name}",
            "Empty the {name}, let it dry for {minutes} minutes in the sun and store it above 5 degrees.",
        ),
        Guide(
            "{name} leaks at the connector",
            "Turn the connector of the {name} by {count} quarter turns and replace the ring if it is dry.",
        ),
    ),
    "robot": (
        Guide(
            "{name} leaves its area",
            "If the {name} crosses the boundary, calibrate the wire in the app: this takes {minutes} minutes. Keep "
            "{count} centimetres between wire and edge.",
        ),
        Guide(
            "{name} shows error {code}",
            "Error {code} on the {name} means that a wheel is blocked. Switch it off, clean the wheels, and hold "
            "the stop key for {seconds} seconds.",
        ),
        Guide(
            "Changing the blades of the {name}",
            "Change all {count} blades of the {name} together, every {minutes} hours of work.",
        ),
    ),
}
