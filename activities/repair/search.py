"""The search: single edits by rank, then edits on top of those that helped, then pairs.

Each outcome teaches. An edit that makes some failing test pass and breaks none is built upon; one that changes what
a failing test sees may be half of a repair; one that changes nothing that any test sees is no part of any.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from activities.repair.ideas import Ground, Idea, pair, singles
from activities.repair.ingredients import Ingredients
from activities.repair.source import Change, Edit, Source
from activities.repair.trial import Baseline, Trial
from activities.repair.tries import Outcome
from contracts.repair import RepairLimits

CLIMBED = 8  # edits that helped, each built upon
PARTNERS = 120  # edits that changed something, paired with each other
LATE = 3  # tries more that one which ran out of time counts as, once there is a choice
SAID = 16  # tries between two sentences of progress
SLOW = 60  # tries that ran out of time and are given more at the end

Progress = Callable[[str], None]


@dataclass
class Learnt:
    """What a try changed, against how the tests went before."""

    idea: Idea
    ground: Ground
    fixed: int
    broken: int
    moved: bool  # a failing test saw something else than before

    @property
    def value(self) -> float:
        return self.fixed - 2.0 * self.broken + self.idea.score * 0.1


@dataclass
class Search:
    """One search over some grounds. `passing` fills up in the order of the tries."""

    trial: Trial
    before: Baseline
    grounds: Sequence[Ground]
    ticket: Ingredients
    limits: RepairLimits
    progress: Progress
    batch: int = 256
    tried: int = 0
    first_pass: int = 0
    settled: int = 0  # tries since the first that passed
    passing: list[tuple[Idea, Ground, Outcome]] = field(default_factory=list)
    learnt: list[Learnt] = field(default_factory=list)
    slow: list[tuple[Idea, Ground]] = field(default_factory=list)
    ended: str = ""
    log: Callable[[Idea, Outcome | None], None] = lambda idea, outcome: None

    def __post_init__(self) -> None:
        self.started = time.monotonic()
        self.seen: set[int] = set()
        self.states = self.before.outcome.states
        self.failing = frozenset(self.before.failing)

    @property
    def left(self) -> float:
        """Seconds that the limits leave."""
        return self.limits.seconds - (time.monotonic() - self.started)

    async def run(self) -> None:
        """Until something passes and enough more was tried for a choice, or the limits or the ideas end."""
        for stage in (self._singles, self._patiently, self._climb, self._pairs):
            await stage()
            if self.passing or self.ended:
                return
        self.ended = "exhausted"

    async def _singles(self) -> None:
        await self._all(self._ranked(self.grounds))

    async def _patiently(self) -> None:
        """Those that ran out of time, once more with ten times as much."""
        some, self.slow = self.slow[:SLOW], []
        if some:
            await self._batch(some, patience=10)

    def _ranked(self, grounds: Sequence[Ground]) -> Iterator[tuple[Idea, Ground]]:
        """Ideas of all grounds, the best first."""
        streams = [((idea, ground) for idea in singles(ground, self.ticket, self.seen)) for ground in grounds]
        yield from heapq.merge(*streams, key=lambda pair: -pair[0].score)

    def _useful(self) -> list[Learnt]:
        """Edits that made a failing test pass and broke none, the best first."""
        return sorted((each for each in self.learnt if each.fixed and not each.broken), key=lambda each: -each.value)

    def helped(self) -> list[str]:
        """The same in words, for the note."""
        told = [
            f"{each.idea.edits[0].says} ({each.idea.source.path}, line {each.idea.edits[0].line}): "
            f"{each.fixed} of {len(self.failing)} pass then"
            for each in self._useful()
        ]
        return list(dict.fromkeys(told))

    async def _climb(self) -> None:
        """Single edits on top of those that made a failing test pass and broke none."""
        for step in self._useful()[:CLIMBED]:
            ground = built_upon(step.ground, step.idea)
            if ground and not self.passing and not self.ended:
                ideas = ((upon(step.idea, idea), step.ground) for idea in singles(ground, self.ticket, self.seen))
                await self._all(ideas)

    async def _pairs(self) -> None:
        await self._all(self._paired())

    def _paired(self) -> Iterator[tuple[Idea, Ground]]:
        """Pairs of edits that changed what failing tests see: first those that look best together."""
        useful = sorted((each for each in self.learnt if each.moved), key=lambda each: -each.value)[:PARTNERS]
        for total in range(1, 2 * len(useful) - 2):
            for at in range((total + 1) // 2):
                other = total - at
                if other < len(useful) and useful[at].ground is useful[other].ground:
                    made = pair(useful[at].ground, useful[at].idea, useful[other].idea, self.seen)
                    if made:
                        yield made, useful[at].ground

    async def _all(self, ideas: Iterator[tuple[Idea, Ground]]) -> None:
        """Try them in batches; once one passes, only as many more as the limits say."""
        batch = self.batch // 8
        while not self.ended:
            room = self.limits.tries - self.tried
            size = min(batch, room, self.limits.settle_tries - self.settled if self.passing else batch)
            # Making ideas compiles each of them: in a thread, so that heartbeats go on.
            some = await asyncio.to_thread(list, itertools.islice(ideas, max(size, 0)))
            if not some:
                self.ended = "out of tries" if room <= 0 else ""
                return
            await self._batch(some)
            batch = min(batch * 2, self.batch)
            if self.left <= 0 and not self.passing:
                self.ended = "out of time"
            if self.passing and (self.settled >= self.limits.settle_tries or self.left <= 0):
                return

    async def _batch(self, some: list[tuple[Idea, Ground]], patience: float = 1) -> None:
        ideas, answered = [idea for idea, _ in some], itertools.count(self.tried + 1)
        outcomes = await self.trial.attempt(
            ideas, patience=patience, timeout=max(self.left, 1), on_try=lambda: self._say(next(answered))
        )
        for (idea, ground), outcome in zip(some, outcomes, strict=True):
            self.tried += 1
            self.settled += bool(self.passing)
            self.log(idea, outcome)
            if outcome is not None:
                self._learn(idea, ground, outcome)

    def _say(self, count: int) -> None:
        if count % SAID == 0:
            found = f", {len(self.passing)} pass" if self.passing else ""
            self.progress(f"{count} small edits tried{found}")

    def _learn(self, idea: Idea, ground: Ground, outcome: Outcome) -> None:
        if outcome.passed:
            self.first_pass = self.first_pass or self.tried
            self.passing.append((idea, ground, outcome))
            return
        if outcome.end in ("time", "stuck") and len(self.slow) < SLOW:
            self.slow.append((idea, ground))
            self.settled += LATE * bool(self.passing)
        after = outcome.states
        fixed = sum(after.get(name, ("", ""))[0] == "pass" for name in self.failing)
        # Tests that a try which came to its end did not tell of were not run: the failing ones come first.
        untold = ("pass", "") if outcome.end == "done" else ("", "")
        broken = sum(
            state == "pass" and after.get(name, untold)[0] != "pass" for name, (state, _) in self.states.items()
        )
        moved = any(after.get(name, self.states[name]) != self.states[name] for name in self.failing)
        if outcome.end != "error" or outcome.cases:
            self.learnt.append(Learnt(idea, ground, fixed, broken, moved))


def built_upon(ground: Ground, idea: Idea) -> Ground | None:
    """The same function after an edit, its lines as suspicious as before."""
    source = Source(idea.after, ground.source.path)
    function = next((node for name, node in source.functions if name == ground.name), None)
    return Ground(source, ground.name, function, ground.suspicion, ground.symptoms) if function else None


def upon(first: Idea, second: Idea) -> Idea:
    """`second`, which is an edit of what `first` made, as an idea about the file as it was."""
    before, after = first.source.text, second.after
    start = _common(before, after)
    shorter = min(len(before), len(after)) - start
    tail = min(_common(before[::-1], after[::-1]), shorter)
    change = Change(start, len(before) - tail, after[start : len(after) - tail])
    both = (*first.edits, *second.edits)
    whole = Edit(both[0].kind, both[0].line, "; ".join(edit.says for edit in both), (change,))
    rest = tuple(Edit(edit.kind, edit.line, edit.says, ()) for edit in both[1:])
    return Idea(first.source, (whole, *rest), first.score + second.score, second.key)


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
