"""What one of the two knows and the other doesn't, and what is told of twice: a history against a run's entries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contracts.records import Entry
from contracts.runs import run_of
from workers.attempts import attempt_key, lost, lost_key
from workers.histories import Told


@dataclass(frozen=True)
class Gap:
    """One difference. `entry`: what would close it, where that can be said."""

    run: str
    says: str
    entry: Entry | None = field(default=None, compare=False)


def untold(steps: Iterable[Told], keys: set[str]) -> Iterator[Gap]:
    """Attempts that left no entry, and of which nobody has said that they were lost."""
    for step in steps:
        for attempt in range(1, step.attempts + 1):
            if attempt_key(step, attempt) not in keys and lost_key(step, attempt) not in keys:
                told = step.reported and attempt == step.attempts
                entry = None if told else lost(step, attempt, datetime.now(UTC))
                yield _of(step, f"attempt {attempt} of {_named(step)} has no entry", entry)


def unheard(run: str, run_id: str, steps: Iterable[Told], keys: set[str]) -> Iterator[Gap]:
    """Entries of steps that the history does not have, or of more attempts than it has."""
    known = {step.activity_id: step for step in steps}
    beginning = f"activity/{run_id}/"
    for key in sorted(key for key in keys if key.startswith(beginning)):
        name, _, attempt = key.removeprefix(beginning).removesuffix("/lost").rpartition("/")
        step = known.get(name)
        if step is None:
            yield Gap(run, f"the entry {key} tells of a step that Temporal does not know")
        elif attempt.isdecimal() and int(attempt) > step.attempts > 0:
            more = f"tells of attempt {attempt} of {_named(step)}, and Temporal knows of {step.attempts}"
            yield Gap(run, f"the entry {key} {more}")


def contradicted(steps: Iterable[Told], keys: set[str]) -> Iterator[Gap]:
    """Attempts that were told of as lost and that had told Temporal how they went."""
    for step in steps:
        if step.reported and lost_key(step, step.attempts) in keys:
            yield _of(step, f"attempt {step.attempts} of {_named(step)} is told of as lost, and Temporal heard of it")


def undecided(run: str, decisions: Iterable[str], keys: set[str]) -> Iterator[Gap]:
    """Decisions that came to the run, and that no entry has as taken or refused."""
    for decision in dict.fromkeys(decisions):
        if not {f"decision/{decision}", f"refusal/{decision}"} & keys:
            yield Gap(run, f"the decision {decision} came, and has no entry")


def unsent(run: str, decisions: Iterable[str], keys: set[str]) -> Iterator[Gap]:
    """Decisions that an entry has as taken, and that never came to the run."""
    came = set(decisions)
    for key in sorted(keys):
        kind, _, decision = key.partition("/")
        if kind == "decision" and decision not in came:
            yield Gap(run, f"the decision {decision} is told of as taken, and never came to the run")


def effects_apart(run: str, effects: Iterable[str], keys: set[str]) -> Iterator[Gap]:
    """Effects that one of the two has as done and the other has not, and those that are told of as done twice."""
    carried = set(effects)
    told = [key.removeprefix("effect/").split("/done")[0] for key in keys if _is_done(key)]
    for effect in sorted(carried - set(told)):
        yield Gap(run, f"the effect {effect} was carried out, and no entry has it as done")
    for effect in sorted(set(told) - carried):
        yield Gap(run, f"an entry has the effect {effect} as done, and Temporal does not")
    for effect in sorted(effect for effect in set(told) if told.count(effect) > 1):
        yield Gap(run, f"the effect {effect} is told of as done {told.count(effect)} times")


def _is_done(key: str) -> bool:
    """One whose end a person has told has the time in its key as well."""
    head, _, last = key.rpartition("/")
    return key.startswith("effect/") and (last == "done" or head.endswith("/done"))


def _named(step: Told) -> str:
    return f"{step.activity_type} ({step.activity_id})"


def _of(step: Told, says: str, entry: Entry | None = None) -> Gap:
    return Gap(run_of(step.workflow_id), says, entry)
