"""Tries on a single function with its asserts."""

from collections.abc import Sequence

from activities.repair.ideas import Idea
from activities.repair.trial import Baseline, Lines, Told, silent
from activities.repair.tries import Candidate, Door, Outcome, TryLimits
from contracts.errors import BadInput
from contracts.repair import FunctionUnderRepair, RepairLimits
from sandboxes.protocol import Sandbox

SHORTEST, SLOWER = 0.03, 20  # seconds of a try at least; as many times longer than the unchanged function took
PROOF = 2.0  # seconds of a proof
FRESH, SEED = 120, "chosen by agreement"


class FunctionTrial:
    """Holds the limits: a try may take a multiple of what the tests took before, not more than was allowed."""

    def __init__(self, sandbox: Sandbox, subject: FunctionUnderRepair, limits: RepairLimits) -> None:
        self.door = Door(sandbox)
        self.subject = subject
        self.limits = limits
        self.cpu = min(limits.try_seconds, 1.0)

    def job(self, op: str, **more: object) -> dict[str, object]:
        subject = self.subject
        fixed = {"source": subject.source, "tests": subject.tests, "entry": subject.entry_point}
        return {"shape": "function", "op": op, **fixed, **more}

    def try_limits(self, cpu: float, *, chunk: int = 16) -> TryLimits:
        limits = self.limits
        return TryLimits(cpu, cpu * 8 + 2, limits.memory_bytes, limits.workers, chunk)

    async def baseline(self) -> Baseline:
        """Raises BadInput when the tests cannot be run or have no assert."""
        outcomes = await self.door.run(
            self.job("try", trace=True), [Candidate(0, self.subject.path, ())], self.try_limits(self.cpu), timeout=60
        )
        outcome = outcomes.get(0)
        if outcome is None or (not outcome.cases and outcome.end == "done"):
            raise BadInput("The tests have no assert that is reached.", subject=self.subject.entry_point)
        traced = 4  # times slower
        quick = max(SHORTEST, outcome.seconds * SLOWER / traced) if outcome.end == "done" else SHORTEST * 2
        self.cpu = min(self.cpu, self.limits.try_seconds, quick)
        return Baseline(outcome, self._lines(outcome), outcome.says)

    def _lines(self, outcome: Outcome) -> dict[str, frozenset[tuple[str, int]]]:
        named = zip(outcome.cases, outcome.lines, strict=False)
        return {
            case.name: frozenset((self.subject.path, line) for line in lines if type(line) is int)
            for case, lines in named
            if isinstance(lines, list)
        }

    async def attempt(
        self, ideas: Sequence[Idea], *, patience: float = 1, timeout: float, on_try: Told = silent
    ) -> list[Outcome | None]:
        candidates = [Candidate(at, idea.source.path, idea.changes) for at, idea in enumerate(ideas)]
        limits = self.try_limits(min(self.cpu * patience, self.limits.try_seconds))
        outcomes = await self.door.run(
            self.job("try"), candidates, limits, timeout=max(timeout, 1), on_outcome=lambda _: on_try()
        )
        return [outcomes.get(at) for at in range(len(ideas))]

    async def prove(self, ideas: Sequence[Idea]) -> list[tuple[Outcome | None, Lines]]:
        """What is too slow to be traced is proved without, and has no lines."""
        seconds = min(self.limits.try_seconds, PROOF)
        candidates = [Candidate(at, idea.source.path, idea.changes) for at, idea in enumerate(ideas)]
        limits = self.try_limits(seconds, chunk=1)
        timeout = limits.wall * len(ideas) + 5
        outcomes = await self.door.run(self.job("try", trace=True), candidates, limits, timeout=timeout)
        traced = {at: self._lines(outcome) for at, outcome in outcomes.items() if outcome.passed}
        slow = [each for each in candidates if each.id not in outcomes or outcomes[each.id].end in ("time", "stuck")]
        if slow:
            outcomes |= await self.door.run(self.job("try"), slow, limits, timeout=timeout)
        return [(outcomes.get(at), traced.get(at, {})) for at in range(len(ideas))]

    async def compare(self, ideas: Sequence[Idea], examples: Sequence[tuple[str, str]]) -> list[Outcome | None]:
        candidates = [Candidate(0, self.subject.path, ())]
        candidates += [Candidate(at, idea.source.path, idea.changes) for at, idea in enumerate(ideas, 1)]
        job = self.job("agree", count=FRESH, seed=SEED, examples=[list(each) for each in examples])
        limits = self.try_limits(3.0, chunk=4)
        outcomes = await self.door.run(job, candidates, limits, timeout=60)
        return [outcomes.get(each.id) for each in candidates]
