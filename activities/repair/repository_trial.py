"""Tries on a repository: its pytest tests, in the work tree as it is, edited in memory only."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from activities.repair.ideas import Idea
from activities.repair.source import Source, first_line
from activities.repair.trial import Baseline, Lines, Told, silent
from activities.repair.tries import Candidate, Door, Outcome, TryLimits
from contracts.errors import BadInput, CountersignError
from contracts.repair import RepairLimits, RepositoryUnderRepair
from sandboxes.protocol import Sandbox

FAILING, OTHERS, TRACED = 20, 2000, 150  # tests: that have to pass, that must not break, that are traced
FRESH, SEED = 40, "chosen by agreement"
FLAKY = 3  # results told of a try, the failing tests' among them, up to which it is run again
BOOT_SECONDS = 60  # to import pytest and to collect
LINE = 32 << 20  # bytes of one result: thousands of tests, each with the lines that it executed


class RepositoryTrial:
    """Knows which tests fail and which pass, after `baseline`."""

    def __init__(self, sandbox: Sandbox, subject: RepositoryUnderRepair, limits: RepairLimits) -> None:
        self.sandbox = sandbox
        self.subject = subject
        self.limits = limits
        self.root = f"/work/{subject.folder}"
        self.door = Door(sandbox, subject.python, self.root, subject.environment, isolated=False)
        self.failing: list[str] = []
        self.others: list[str] = []
        self.seconds = limits.try_seconds
        self.mode = "warm"

    def _job(self, op: str, **more: object) -> dict[str, object]:
        files = dict.fromkeys(name.split("::")[0] for name in [*self.failing, *self.others])
        job = {"shape": "repository", "op": op, "root": self.root, "mode": self.mode, "arguments": list(files)}
        return {**job, "failing": self.failing, "others": self.others, **more}

    def _limits(self, seconds: float) -> TryLimits:
        limits = self.limits
        return TryLimits(seconds, seconds * 2 + 2, limits.memory_bytes, limits.workers, 1, line=LINE)

    async def baseline(self) -> Baseline:
        """Raises BadInput when pytest can't be run, or a test that is said to fail isn't there."""
        whole = max(self.limits.seconds / 3, self.limits.try_seconds)
        job = self._job("try", arguments=list(self.subject.arguments), all=True)
        outcome = await self._one(job, whole)
        found = {case.name: case for case in outcome.cases}
        broken = [name for name, case in found.items() if case.state in ("fail", "error")]
        for name in self.subject.failing:
            if name not in found and not any(each.startswith(name) for each in found):
                raise BadInput(f"pytest did not find the test {name!r}.", subject=name, way_out="Give its full id.")
        wanted = [name for name in broken if not self.subject.failing or name.startswith(self.subject.failing)]
        self.failing = wanted[:FAILING]
        self.others = [case.name for case in outcome.cases if case.state == "pass"][:OTHERS]
        if any(found[name].seen.startswith("collect: ") for name in self.failing):
            self.mode = "cold"
        self.seconds = min(self.limits.try_seconds, outcome.seconds * 3 + 2)
        kept = outcome.model_copy(
            update={"cases": tuple(found[name] for name in [*self.failing, *self.others]), "passed": not self.failing}
        )
        return Baseline(kept, await self._traced() if self.failing else {}, outcome.says)

    async def _one(self, job: Mapping[str, Any], seconds: float) -> Outcome:
        outcomes = await self.door.run(
            job, [Candidate(0, "", ())], self._limits(seconds), timeout=seconds * 2 + BOOT_SECONDS
        )
        outcome = outcomes.get(0)
        if outcome is None or (not outcome.cases and outcome.end != "done"):
            how = "did not end" if outcome is None else f"ended with {outcome.end} {outcome.says}".strip()
            raise BadInput(f"The tests {how} within {seconds:.0f} seconds.", subject=self.root)
        return outcome

    async def _traced(self) -> Lines:
        """Lines of the failing tests and of passing ones, those of the same files first. Empty where that fails."""
        files = {name.split("::")[0] for name in self.failing}
        near = sorted(self.others, key=lambda name: name.split("::")[0] not in files)[:TRACED]
        try:
            outcome = await self._one(self._job("try", trace=True, others=near), self.seconds * 5)
        except CountersignError:
            return {}
        return _lines(outcome)

    async def sources(self, lines: Lines, mentioned: Sequence[str]) -> dict[str, Source]:
        """Files that failing tests executed or that were mentioned, without tests; by path below the root."""
        paths = dict.fromkeys(path for name in self.failing for path, _ in sorted(lines.get(name, ())))
        paths |= dict.fromkeys(each.removeprefix(f"{self.root}/") for each in mentioned)
        found: dict[str, Source] = {}
        for path in sorted(paths):
            if path.endswith(".py") and not path.startswith("/") and not is_test(path):
                try:
                    text = (await self.sandbox.read(f"{self.subject.folder}/{path}", limit=1 << 20)).decode()
                    found[path] = Source(text, path)
                except (CountersignError, UnicodeDecodeError):
                    continue  # not there, too large, or not Python of today: no suspect
        return found

    async def tests(self) -> str:
        """The text of the failing test functions, as far as it can be read."""
        parts: list[str] = []
        for name in self.failing:
            path, *inner = name.split("[")[0].split("::")
            try:
                source = Source(
                    (await self.sandbox.read(f"{self.subject.folder}/{path}", limit=1 << 20)).decode(), path
                )
            except (CountersignError, UnicodeDecodeError):
                continue
            parts += [source.of(node) for known, node in source.functions if known == ".".join(inner)]
        return "\n\n".join(textwrap.dedent(part) for part in parts)

    async def attempt(
        self, ideas: Sequence[Idea], *, patience: float = 1, timeout: float, on_try: Told = silent
    ) -> list[Outcome | None]:
        """Only the failing tests' files are collected first; the others only for what passes then."""
        candidates = [Candidate(at, idea.source.path, idea.changes) for at, idea in enumerate(ideas)]
        limits = self._limits(min(self.seconds * patience, self.limits.try_seconds))
        failing = await self._both(candidates, limits, timeout, on_try, others=[])
        good = [each for each in candidates if each.id in failing and failing[each.id].passed]
        whole = await self._others(good, limits, timeout) if self.others else {}
        kept = failing if not self.others else {at: each for at, each in failing.items() if not each.passed} | whole
        return [kept.get(at) for at in range(len(ideas))]

    async def _others(self, good: Sequence[Candidate], limits: TryLimits, timeout: float) -> dict[int, Outcome]:
        """What those do to the tests that passed before. Where few break, once more: some tests pass now and then."""
        found: dict[int, Outcome] = {}
        for _ in range(2):
            left = [each for each in good if each.id not in found or len(found[each.id].cases) <= FLAKY]
            left = [each for each in left if each.id not in found or not found[each.id].passed]
            found |= await self._both(left, limits, timeout, silent, others=self.others) if left else {}
        return found

    async def _both(
        self, candidates: Sequence[Candidate], limits: TryLimits, timeout: float, on_try: Told, *, others: list[str]
    ) -> dict[int, Outcome]:
        """Warm; then cold those whose edits are of what runs at import."""
        files = list(dict.fromkeys(name.split("::")[0] for name in [*self.failing, *others]))
        job = self._job("try", others=others, arguments=files)
        outcomes = await self.door.run(
            job, candidates, limits, timeout=timeout + BOOT_SECONDS, on_outcome=lambda _: on_try()
        )
        again = [each for each in candidates if each.id in outcomes and outcomes[each.id].end == "cold"]
        if again:
            outcomes |= await self.door.run({**job, "mode": "cold"}, again, limits, timeout=timeout + BOOT_SECONDS)
        return outcomes

    async def prove(self, ideas: Sequence[Idea]) -> list[tuple[Outcome | None, Lines]]:
        """In processes that import everything anew. What is too slow to be traced is proved without."""
        candidates = [Candidate(at, idea.source.path, idea.changes) for at, idea in enumerate(ideas)]
        seconds = max(self.limits.try_seconds, self.seconds * 5)
        timeout = seconds * math.ceil(len(ideas) / self.limits.workers) * 2 + BOOT_SECONDS
        job = self._job("try", mode="cold", trace=True)
        outcomes = await self.door.run(job, candidates, self._limits(seconds), timeout=timeout)
        traced = {at: _lines(outcome) for at, outcome in outcomes.items() if outcome.passed}
        slow = [each for each in candidates if each.id not in outcomes or outcomes[each.id].end in ("time", "stuck")]
        if slow:
            outcomes |= await self.door.run({**job, "trace": False}, slow, self._limits(seconds), timeout=timeout)
        return [(outcomes.get(at), traced.get(at, {})) for at in range(len(ideas))]

    async def compare(self, ideas: Sequence[Idea], examples: Sequence[tuple[str, str]]) -> list[Outcome | None]:
        """Only between edits of one function; edits of different functions can't be asked the same."""
        first = ideas[0]
        name = first.source.function_at(first.edits[0].line)
        same = [idea.source.path == first.source.path for idea in ideas]
        same = [
            ok and idea.source.function_at(idea.edits[0].line) == name for ok, idea in zip(same, ideas, strict=True)
        ]
        function = dict(first.source.functions).get(name)
        if len(ideas) < 2 or function is None or self.mode == "cold" or not all(same):
            return [None] * (len(ideas) + 1)
        candidates = [Candidate(at, idea.source.path, idea.changes) for at, idea in enumerate(ideas, 1)]
        place = [first.source.path, function.name, first_line(function)]
        job = self._job("agree", function=place, count=FRESH, seed=SEED)
        limits = self._limits(self.seconds * 2)
        outcomes = await self.door.run(job, candidates, limits, timeout=self.seconds * len(ideas) * 2 + BOOT_SECONDS)
        return [None, *(outcomes.get(each.id) for each in candidates)]


def is_test(path: str) -> bool:
    """Whether a path is of tests, which are never edited to make themselves pass."""
    *folders, name = path.split("/")
    named = name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")
    return named or any(folder in ("tests", "test", "testing") for folder in folders)


def _lines(outcome: Outcome) -> dict[str, frozenset[tuple[str, int]]]:
    """(file, line) by test, of what the sandbox told in the right shape."""
    found: dict[str, frozenset[tuple[str, int]]] = {}
    for case, files in zip(outcome.cases, outcome.lines, strict=False):
        told = files.items() if isinstance(files, dict) else ()
        pairs = [(path, lines) for path, lines in told if isinstance(lines, list)]
        found[case.name] = frozenset((str(path), line) for path, lines in pairs for line in lines if type(line) is int)
    return found
