"""Which of several edits that pass is meant, and which of them nobody should sign."""

import ast
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.repair.ideas import Ground, Idea
from activities.repair.source import Source, apply
from activities.repair.trial import Baseline
from activities.repair.tries import Outcome

Lines = Mapping[str, frozenset[tuple[str, int]]]
EXAMPLE, SHARED = 3.0, 2.0  # nats that an example of the ticket is worth, and weight of the agreement's logarithm
WRITTEN = 0.02  # nats that each character costs
DOUBT = 0.7  # how far priors are believed when votes are counted: 1 as they are, 0 one candidate one vote


@dataclass
class Finalist:
    """A candidate that passes, with what speaks for it."""

    idea: Idea
    ground: Ground
    outcome: Outcome
    answers: tuple[str, ...] = ()
    examples: tuple[bool, ...] = ()
    agreement: float = 1.0
    refused: str = ""

    @property
    def size(self) -> int:
        """Characters written and taken away."""
        return sum(len(each.text) + each.end - each.start for each in self.idea.changes)

    @property
    def plain(self) -> float:
        """Prior and simplicity: nats."""
        return self.idea.score - WRITTEN * self.size

    @property
    def worth(self) -> float:
        """Plain worth, with what agreement and examples add."""
        return self.plain + SHARED * math.log(max(self.agreement, 1e-3)) + EXAMPLE * sum(self.examples)


def agree(finalists: Sequence[Finalist]) -> None:
    """Sets the agreement of each: the share of all plain worth that answers fresh inputs as it does."""
    weights: dict[tuple[str, ...], float] = defaultdict(float)
    for each in finalists:
        weights[each.answers] += math.exp(DOUBT * each.plain)
    total = sum(weights.values()) or 1.0
    for each in finalists:
        each.agreement = weights[each.answers] / total


def ordered(finalists: Sequence[Finalist]) -> list[Finalist]:
    """The most plausible first; of equal ones the one that was tried first."""
    return sorted(finalists, key=lambda each: -each.worth)


def refusal(finalist: Finalist, before: Baseline, unchanged: Sequence[str], lines: Lines) -> str:
    """Why a passing candidate only deletes the behaviour; empty when it does not."""
    node = finalist.ground.function
    old = [each for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
    after = finalist.ground.source.text
    edited = apply(after, finalist.idea.changes)
    if _fewer(node, edited, finalist.ground.name, (ast.Raise, ast.Assert)):
        return "It takes away a check that raised an error."
    answers = [answer for answer in finalist.answers if not answer.startswith("!")]
    if old and len(answers) >= 10 and len(set(answers)) == 1 and len({*unchanged}) > 2:
        return "With it the function gives one and the same answer to everything."
    if dead := _dead(finalist, before, lines):
        return f"With it line {dead} is never executed, though tests that passed executed it before."
    return ""


def _fewer(node: ast.AST, edited: str, name: str, kinds: tuple[type[ast.AST], ...]) -> bool:
    after = next((each for known, each in Source(edited).functions if known == name), None)
    if after is None:
        return True
    count = [sum(isinstance(each, kinds) for each in ast.walk(tree)) for tree in (node, after)]
    return count[1] < count[0]


def _dead(finalist: Finalist, before: Baseline, lines: Lines) -> int:
    """A line that passing tests executed and that, unchanged, none executes any more. 0: there is none."""
    if not any(lines.values()):
        return 0
    source, path = finalist.ground.source, finalist.ground.source.path
    after_text = apply(source.text, finalist.idea.changes).splitlines()
    was = {line for name in before.passing for file, line in before.lines.get(name, ()) if file == path}
    executed = {line for run in lines.values() for file, line in run if file == path and line <= len(after_text)}
    now = {after_text[line - 1].strip() for line in executed}
    kept = {text.strip() for text in after_text}
    gone = [line for line in sorted(was) if line <= len(source.lines)]
    return next((line for line in gone if (text := source.lines[line - 1].strip()) in kept and text not in now), 0)
