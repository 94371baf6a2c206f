"""What a call cost: exact usage in disjoint buckets, priced at once with the price list that is installed.

Prices come from `genai-prices`. A model, provider or kind of usage that the list does not price has an
*unknown* price (None): unknown is never zero.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import genai_prices
from genai_prices.types import ExtractedUsage, PriceCalculation
from genai_prices.types import Usage as ListedUsage

from contracts.models import Usage

ORDINARY = ("standard", "default", "auto")
FRAMING_TOKENS = 2_000  # more than any provider adds for roles, tools and a forced choice


@dataclass(frozen=True)
class Tariff:
    """Whose price list applies to a client: a provider's id, or the provider that an API's URL belongs to.

    Neither: the price is unknown. A model's name alone never decides, since anybody can serve a name.
    """

    provider: str = ""
    url: str = ""
    flavor: str = "default"

    def where(self) -> dict[str, Any] | None:
        if self.provider:
            return {"provider_id": self.provider}
        return {"provider_api_url": self.url} if self.url else None


@dataclass(frozen=True)
class Priced:
    """A usage in buckets and its price. `usd` None: unknown, and `why` says what of."""

    usage: Usage
    usd: Decimal | None
    price_list: str
    why: str = ""
    input_usd: Decimal | None = None
    output_usd: Decimal | None = None


def price_list() -> str:
    """The version of the installed price list, as it is stored with every priced call."""
    return f"genai-prices {genai_prices.__version__}"


def price(body: Mapping[str, Any], tariff: Tariff, *, at: datetime | None = None) -> Priced:
    """The price of one response body (its `model` and usage block, as the provider sent them).

    Never raises: what cannot be read or priced is unknown.
    """
    where = tariff.where()
    if where is None:
        return unknown("nobody's prices apply to this base URL")
    try:
        extracted = genai_prices.extract_usage(dict(body), api_flavor=tariff.flavor, **where)
    except (LookupError, ValueError) as error:
        return unknown(str(error))
    usage = buckets(extracted.usage)
    try:
        priced = calculate(extracted, at, context(body))
    except (LookupError, ValueError) as error:
        return unknown(str(error), usage)
    return settled(usage, priced) if is_covered(usage, priced) else unknown("tokens without a price", usage)


def calculate(extracted: ExtractedUsage, at: datetime | None, served: dict[str, str]) -> PriceCalculation:
    if served:
        return extracted.calc_price(genai_request_timestamp=at, price_context=served)
    return extracted.calc_price(genai_request_timestamp=at)


def is_covered(usage: Usage, priced: PriceCalculation) -> bool:
    """The list adds nothing for tokens that it has no price for: that is unknown, and not zero.

    A model that is listed without any price is free: so the list writes those.
    """
    paid = priced.model_price
    if not any(value is not None for value in vars(paid).values()):
        return True
    into, out = usage.input + usage.cached_read + usage.cached_write, usage.output + usage.reasoning
    return not (into and paid.input_mtok is None) and not (out and paid.output_mtok is None)


def settled(usage: Usage, priced: PriceCalculation) -> Priced:
    return Priced(
        usage=usage,
        usd=priced.total_price,
        price_list=price_list(),
        input_usd=priced.input_price,
        output_usd=priced.output_price,
    )


def unknown(why: str, usage: Usage | None = None) -> Priced:
    return Priced(usage=usage or Usage(), usd=None, price_list=price_list(), why=why)


def context(body: Mapping[str, Any]) -> dict[str, str]:
    """What else a price depends on: the tier or speed that the provider says it served the call with."""
    usage = body.get("usage")
    places = [body, usage if isinstance(usage, Mapping) else {}]
    found = ((key, place.get(key)) for place in places for key in ("service_tier", "speed"))
    return {key: value for key, value in found if isinstance(value, str) and value not in ORDINARY}


def buckets(listed: ListedUsage) -> Usage:
    """Providers count cached tokens within input and reasoning within output; here no token counts twice."""

    def count(key: str) -> int:
        return int(listed.reported_value(key))

    read, write = count("cache_read_tokens"), count("cache_write_tokens")
    reasoning = count("output_reasoning_tokens")
    return Usage(
        input=max(0, count("input_tokens") - read - write),
        cached_read=read,
        cached_write=write,
        output=max(0, count("output_tokens") - reasoning),
        reasoning=reasoning,
    )


def worst_case(model: str, tariff: Tariff, *, prompt_bytes: int, max_output: int) -> Decimal | None:
    """The most a call can cost, US dollars, or None where the price is unknown.

    A token stands for at least one byte of UTF-8, so bytes bound the tokens; each is priced as fresh input
    and as written to the cache, whichever is dearer.
    """
    tokens = prompt_bytes + FRAMING_TOKENS
    plain = quote(model, tariff, ListedUsage(input_tokens=tokens, output_tokens=max_output))
    cached = quote(model, tariff, ListedUsage(input_tokens=tokens, cache_write_tokens=tokens, output_tokens=max_output))
    return None if plain is None or cached is None else max(plain, cached)


def quote(model: str, tariff: Tariff, usage: ListedUsage) -> Decimal | None:
    where = tariff.where()
    if where is None:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            total: Decimal = genai_prices.calc_price(usage, model, **where).total_price
    except (LookupError, ValueError):
        return None
    return total
