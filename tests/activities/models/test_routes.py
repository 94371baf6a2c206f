"""Which tier is asked: what people kept of its drafts, and what its last draft's checks said."""

import dataclasses
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from activities.models.backoff import pause
from activities.models.routes import TRIED_AGAIN, cheaper, choose, escalate, is_due
from contracts.budgets import Purse, Spender
from contracts.policy import Route
from contracts.proposal import PASSED, blocking
from contracts.routes import Acceptance, Chosen, Verdict
from ledger import Ledger
from tests.activities.models.test_rewrite import GOOD, INVENTED, Bench, build, ledger, settings
from tests.support.model_server import ModelServer, Scripted

__all__ = ["ledger"]

BOTH = ("small", "large")
RUN = next(f"run-{number}" for number in range(100) if not is_due(f"run-{number}"))
DUE = next(f"run-{number}" for number in range(100) if is_due(f"run-{number}"))


def known(tier: str, untouched: int = 0, edited: int = 0, rejected: int = 0) -> Acceptance:
    return Acceptance(tier=tier, untouched=untouched, edited=edited, rejected=rejected, kept=untouched + edited * 0.5)


@pytest.mark.parametrize(
    ("measured", "tier"),
    [
        ([], "small"),
        ([known("small", rejected=7)], "small"),  # too few to say anything
        ([known("small", rejected=8)], "large"),
        ([known("small", untouched=8)], "small"),
        ([known("small", untouched=4, edited=8)], "small"),  # 12 of 17 kept
        ([known("small", edited=20)], "large"),  # half of each is not enough
        ([known("small", rejected=9), known("large", rejected=20)], "small"),  # the larger one is worse
        ([known("small", rejected=20), known("large", edited=20)], "large"),
    ],
)
def test_the_cheapest_tier_whose_drafts_are_kept(measured: list[Acceptance], tier: str) -> None:
    chosen = choose(BOTH, {one.tier: one for one in measured}, RUN)
    assert chosen.tier == tier
    assert chosen.why


def test_a_baseline_that_people_keep_needs_no_model() -> None:
    tiers = ("baseline", "small")
    assert choose(tiers, {"baseline": known("baseline", untouched=9)}, RUN).tier == "baseline"
    assert choose(tiers, {"baseline": known("baseline", rejected=9)}, RUN).tier == "small"


def test_a_tier_that_was_passed_over_is_tried_again_now_and_then() -> None:
    measured = {"small": known("small", rejected=30)}
    counts = Counter(choose(BOTH, measured, f"run-{number}").tier for number in range(2_000))
    assert 0.5 < counts["small"] * TRIED_AGAIN / 2_000 < 1.5
    assert {choose(BOTH, measured, DUE).tier for _ in range(5)} == {"small"}, "the same for each attempt of a run"


def test_up_after_failed_checks_and_down_where_the_budget_ends() -> None:
    assert escalate(BOTH, "small").tier == "large"
    assert escalate(BOTH, "large").tier == "large"
    assert escalate(("small",), "small").tier == "small"
    lower = cheaper(BOTH, Chosen(tier="large", why=""), "it could cost $3")
    assert lower == Chosen(tier="small", why="Not the large tier: it could cost $3")
    assert cheaper(("baseline", "small"), Chosen(tier="small", why=""), "") is None


def test_pauses_keep_to_what_was_asked_and_spread() -> None:
    assert all(7 <= pause(7, attempt) <= 7.7 for attempt in range(1, 50))
    assert all(1 <= pause(None, 1) <= 2 for _ in range(50))
    assert all(30 <= pause(None, 40) <= 60 for _ in range(50))
    assert len({pause(None, 3) for _ in range(20)}) > 10


@pytest.fixture
def bench(tmp_path: Path, ledger: Ledger, model_server: ModelServer) -> Bench:
    both = settings(model_server, COUNTERSIGN_MODEL_LARGE="anthropic/claude-sonnet-5")
    return build(tmp_path, ledger, both)


def models(server: ModelServer) -> list[str]:
    return [asked.body["model"] for asked in server.requests]


async def test_a_draft_that_passes_stays_at_the_cheap_tier(bench: Bench, model_server: ModelServer) -> None:
    model_server.script(Scripted(data=GOOD))
    drafted = await bench.rewrite()
    assert models(model_server) == ["claude-haiku-4-5"]
    assert [(one.tier, one.outcome) for one in drafted.cost.tried] == [("small", PASSED)]
    assert bench.entries()[-1].facts["tier"] == "small"


async def test_a_draft_that_fails_its_checks_goes_up_a_tier(bench: Bench, model_server: ModelServer) -> None:
    model_server.script(Scripted(data=INVENTED), Scripted(data=GOOD))
    first = await bench.rewrite()
    problems = tuple(check.says for check in blocking(first.checks))
    second = await bench.rewrite(problems=problems, spent=first.cost)
    assert models(model_server) == ["claude-haiku-4-5", "claude-sonnet-5"]
    small, large = second.cost.tried
    assert small.outcome.startswith("It failed:")
    assert (large.tier, large.why) == ("large", "The draft of the small tier failed its checks.")
    assert (small.usd or 0) + (large.usd or 0) == second.cost.usd
    assert bench.entries()[-1].facts["why"] == large.why


async def test_where_the_budget_does_not_hold_the_large_tier_the_small_one_mends_its_draft(
    bench: Bench, model_server: ModelServer
) -> None:
    model_server.script(Scripted(data=INVENTED), Scripted(data=GOOD))
    first = await bench.rewrite(budget_usd="0.07")
    problems = tuple(check.says for check in blocking(first.checks))
    second = await bench.rewrite(problems=problems, spent=first.cost, budget_usd="0.07")
    assert models(model_server) == ["claude-haiku-4-5", "claude-haiku-4-5"]
    assert second.cost.tried[-1].why.startswith("Not the large tier: The call could cost")
    assert second.drafted_by == "model"


async def test_low_acceptance_asks_the_large_tier_first(bench: Bench, model_server: ModelServer) -> None:
    for number in range(9):
        verdict = Verdict(run=f"old-{number}", workflow="changelog", tier="small", outcome="rejected", share=0)
        bench.tools.ledger.learn(verdict)
        bench.tools.ledger.learn(verdict.model_copy(update={"outcome": "untouched", "share": 1}))
    model_server.script(Scripted(data=GOOD))
    drafted = await bench.rewrite(run=RUN)
    assert models(model_server) == ["claude-sonnet-5"]
    assert "0 signed untouched, 0 after edits, 9 rejected of 9" in drafted.cost.tried[0].why
    model_server.script(Scripted(data=GOOD))
    await bench.rewrite(run=RUN + "x", route=Route(last="small"))
    assert models(model_server)[-1] == "claude-haiku-4-5", "the policy allows no more"


async def test_a_policy_that_begins_with_the_baseline_asks_nobody(bench: Bench, model_server: ModelServer) -> None:
    drafted = await bench.rewrite(route=Route(first="baseline"))
    assert (drafted.drafted_by, drafted.fallback) == ("baseline", "")
    assert [one.tier for one in drafted.cost.tried] == ["baseline"]
    assert model_server.requests == []


async def test_a_team_that_has_spent_its_month(bench: Bench, model_server: ModelServer) -> None:
    poor = dataclasses.replace(bench, tools=dataclasses.replace(bench.tools, team_usd={"apps": Decimal("0.01")}))
    spender = Spender(run="r", workflow="changelog", team="apps", purses=(Purse(run="r", usd=Decimal(1)),))
    drafted = await poor.rewrite(spender=spender)
    assert drafted.drafted_by == "baseline"
    assert "of $0.01 is left of the month of the team 'apps'. Raise COUNTERSIGN_TEAM_BUDGETS" in drafted.fallback
    call = spender.model_copy(update={"team": "rich", "call_usd": Decimal("0.02")})
    assert "one call may cost $0.02" in (await poor.rewrite(spender=call)).fallback
    assert model_server.requests == []
