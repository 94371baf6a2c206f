"""Generated tickets: nobody wrote them. Seeded, so they are the same each time."""

import random

ASKS = {
    "refund": ("I want my money back for {thing}", "please refund the {thing}", "how do I get a refund for {thing}?"),
    "delivery": ("where is my {thing}?", "the {thing} has not arrived yet", "my parcel with the {thing} is late"),
    "login": ("I can't log in to {place}", "my password for {place} is not accepted", "locked out of {place} again"),
    "invoice": ("the invoice for {thing} is wrong", "send me the invoice of {thing}", "VAT is missing on my invoice"),
}
NEW = {"cancel": ("cancel my subscription to {place}", "end my {place} subscription now", "stop the subscription")}
OPENINGS = ("Hello, ", "Hi there. ", "", "Good morning, ", "Dear team, ")
ENDINGS = ("", " Thank you!", " Please help.", " It is for {month}.", " I asked in {month} already.")
THINGS = ("kettle", "lamp", "blue coat", "phone case", "desk", "running shoes", "headset", "garden hose")
PLACES = ("the app", "the web shop", "my account", "the portal")
MONTHS = ("January", "March", "May", "July", "October")


def tickets(count: int, seed: int = 0, asks: dict[str, tuple[str, ...]] = ASKS) -> tuple[list[str], list[str]]:
    """Texts and their intents."""
    rng = random.Random(seed)
    intents = [rng.choice(sorted(asks)) for _ in range(count)]
    texts = []
    for intent in intents:
        text = rng.choice(OPENINGS) + rng.choice(asks[intent]) + rng.choice(ENDINGS)
        texts.append(text.format(thing=rng.choice(THINGS), place=rng.choice(PLACES), month=rng.choice(MONTHS)))
    return texts, intents
