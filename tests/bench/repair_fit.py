"""The prior of each kind of edit, from rows whose bug and reference are known.

No test is run: an edit is right when it makes the function's bytecode equal to the reference's. A kind's prior is how
many of its edits were right, of all that were generated, smoothed.
"""

from collections import Counter
from typing import Any

from activities.repair.edits import edits
from activities.repair.fingerprint import compiled, fingerprint
from activities.repair.ideas import Ground
from activities.repair.ingredients import Ingredients
from activities.repair.source import Source

ADDED_RIGHT, ADDED_ALL = 0.3, 300.0


def fitted(rows: list[dict[str, Any]]) -> dict[str, float]:
    right: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for row in rows:
        for kind, good in judged(row):
            every[kind] += 1
            right[kind] += good
    shares = {kind: (right[kind] + ADDED_RIGHT) / (every[kind] + ADDED_ALL) for kind in every}
    return {kind: round(share, 5) for kind, share in sorted(shares.items(), key=lambda pair: -pair[1])}


def judged(row: dict[str, Any]) -> list[tuple[str, bool]]:
    """Kind and rightness of each edit of a row's functions that compiles."""
    source = Source(row["declaration"] + row["buggy_solution"])
    wanted = compiled(row["declaration"] + row["canonical_solution"])
    ticket = Ingredients.gather(row["docstring"], row["test"])
    found: dict[tuple[str, tuple[object, ...]], bool] = {}
    for name, function in source.functions:
        ground = Ground(source, name, function, lambda line: 1.0)
        for edit in edits(source, function, ticket):
            if ground.key(edit.changes) is None:
                continue
            text = source.text
            for change in sorted(edit.changes, reverse=True):
                text = text[: change.start] + change.text + text[change.end :]
            code = compiled(text)
            found[(edit.kind, edit.changes)] = bool(code and wanted and fingerprint(code) == fingerprint(wanted))
    return [(kind, good) for (kind, _), good in found.items()]
