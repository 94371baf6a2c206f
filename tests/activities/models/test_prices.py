"""Prices: exact where the list has them, unknown where it doesn't, and no token counted twice."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from activities.models.prices import Tariff, price, worst_case
from contracts.models import Usage

ROOT = Path(__file__).parents[3]
CLAUDE = Tariff(provider="anthropic")
CHAT = Tariff(provider="openai", flavor="chat")


def claude(**usage: Any) -> dict[str, Any]:
    return {"model": "claude-haiku-4-5", "usage": {"input_tokens": 0, "output_tokens": 0, **usage}}


def test_cached_tokens_are_in_one_bucket_only() -> None:
    body = claude(input_tokens=10, cache_read_input_tokens=200, cache_creation_input_tokens=3000, output_tokens=4)
    priced = price(body, CLAUDE)
    assert priced.usage == Usage(input=10, cached_read=200, cached_write=3000, output=4)
    # Per million: 1 in, 0.10 read, 1.25 written, 5 out.
    assert priced.usd == Decimal("0.000010") + Decimal("0.00002") + Decimal("0.00375") + Decimal("0.00002")


def test_openai_counts_cached_and_reasoning_within_and_here_they_are_apart() -> None:
    usage = {
        "prompt_tokens": 1000,
        "prompt_tokens_details": {"cached_tokens": 900},
        "completion_tokens": 300,
        "completion_tokens_details": {"reasoning_tokens": 250},
        "total_tokens": 1300,
    }
    priced = price({"model": "gpt-5-mini", "usage": usage}, CHAT)
    assert priced.usage == Usage(input=100, cached_read=900, output=50, reasoning=250)
    # Per million: 0.25 in, 0.025 read, 2 out.
    assert priced.usd == Decimal("0.000025") + Decimal("0.0000225") + Decimal("0.0006")


def test_web_searches_are_paid_too() -> None:
    searched = claude(output_tokens=100, server_tool_use={"web_search_requests": 2})
    assert price(searched, CLAUDE).usd == Decimal("0.0205")


@pytest.mark.parametrize(
    ("body", "tariff"),
    [
        ({"model": "someones-own-model", "usage": {"input_tokens": 5, "output_tokens": 5}}, CLAUDE),
        ({"usage": {"input_tokens": 5, "output_tokens": 5}}, CLAUDE),
        ({"model": "claude-haiku-4-5"}, CLAUDE),
        ({"model": "claude-haiku-4-5", "usage": {}}, CLAUDE),
        ({"model": "claude-haiku-4-5", "usage": {"input_tokens": -5, "output_tokens": 5}}, CLAUDE),
        (claude(input_tokens=5), Tariff(provider="nobody")),
        (claude(input_tokens=5), Tariff(url="http://localhost:8000/v1")),
        (claude(input_tokens=5), Tariff()),
    ],
)
def test_unknown_is_none_and_says_of_what(body: dict[str, Any], tariff: Tariff) -> None:
    priced = price(body, tariff)
    assert priced.usd is None
    assert priced.why


def test_output_of_a_model_without_an_output_price_is_unknown() -> None:
    """The list prices only what goes into an embedding model; anything coming out must not be free."""
    body = {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 10, "completion_tokens": 10}}
    assert price(body, CHAT).usd is None


def test_a_known_url_has_its_providers_prices() -> None:
    there = Tariff(url="https://api.deepseek.com/v1", flavor="chat")
    body = {"model": "deepseek-chat", "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}}
    assert price(body, there).usd


def test_the_worst_case_is_an_upper_bound() -> None:
    worst = worst_case("claude-haiku-4-5", CLAUDE, prompt_bytes=10_000, max_output=1_000)
    paid = price(claude(cache_creation_input_tokens=10_000, output_tokens=1_000), CLAUDE).usd
    assert worst is not None
    assert paid is not None
    assert worst >= paid
    assert worst_case("someones-own-model", CLAUDE, prompt_bytes=1, max_output=1) is None


def bench(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.prices", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_the_bench_skips_without_data(tmp_path: Path) -> None:
    assert "skipped" in bench("--data", str(tmp_path / "nothing"))


def test_the_bench_counts_wrong_prices(tmp_path: Path) -> None:
    def row(input_price: str | None) -> dict[str, Any]:
        truth = {"provider_id": "anthropic", "api_flavor": "default"}
        truth |= {} if input_price is None else {"input_price": input_price, "output_price": "0.00005"}
        return {"body": claude(input_tokens=10, output_tokens=10), "extracted": [{"extractors": [truth], "usage": {}}]}

    rows = [row("0.00001"), row("0.00002"), row(None)]
    (tmp_path / "usages.json").write_text(json.dumps(rows))
    counts = bench("--data", str(tmp_path), "--here")
    assert (counts["exact"], counts["priced"], counts["flagged"], counts["unpriced"]) == (1, 2, 0, 1)
