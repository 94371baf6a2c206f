"""Makes a desk from a history, in a thread of its own that says how far it is, and keeps it as an artifact.

The same history gives the same model: where the newest one was made of the very same examples, it is kept. One that is
no better than the commonest intent is kept as well, says so of each ticket, and answers none.
"""

import asyncio
from collections.abc import Sequence

from activities.progress import Progress
from activities.support_triage.desk import Desk, by_queue, label_of
from activities.support_triage.encoders import Encoder
from activities.support_triage.keeping import dump, load
from activities.support_triage.triager import digest
from contracts.errors import BadInput, NotFound
from contracts.support import Example, Learnt
from ledger.artifacts import ArtifactStore


async def taught(
    artifacts: ArtifactStore,
    examples: Sequence[Example],
    encoder: Encoder,
    told: Progress,
    *,
    times: Sequence[float] = (),
    newest: str = "",
) -> Learnt:
    """What is learnt from masked examples, oldest first. `newest`: the model so far; it is kept where nothing is new.

    Too little to learn from is no error: `model` is empty then, and `says` tells what it takes.
    """
    return await asyncio.to_thread(_taught, artifacts, latest(examples), encoder, told, list(times), newest)


def _taught(
    artifacts: ArtifactStore,
    examples: Sequence[Example],
    encoder: Encoder,
    told: Progress,
    times: Sequence[float],
    newest: str,
) -> Learnt:
    def say(says: str) -> None:
        told.says = says

    if newest and (same := _same(artifacts, newest, examples, encoder)):
        return same
    try:
        desk = Desk.fit(examples, times if len(times) == len(examples) else (), encoder=encoder, say=say)
    except BadInput as error:
        return Learnt(examples=len(examples), says=f"{error.what} {error.way_out}".strip())
    say(f"keeping what was learnt from {len(desk.kept):,} tickets")
    model = artifacts.put(dump(desk))
    return Learnt(model=model, examples=len(desk.kept), says=desk.triager.certified.says)


def _same(artifacts: ArtifactStore, newest: str, examples: Sequence[Example], encoder: Encoder) -> Learnt | None:
    """The model so far, where it was made of these examples, by this version and with this encoder."""
    try:
        desk = load(artifacts.get(newest), encoder)
    except (BadInput, NotFound):  # of another version, or erased: made anew
        return None
    labels = [label_of(example, by_queue(examples)) for example in examples]
    data = digest([example.text for example in examples], labels, [float(p) for p in range(len(labels))], encoder.name)
    if data != desk.triager.certified.data:
        return None
    return Learnt(model=newest, examples=len(desk.kept), says=f"Nothing new. {desk.triager.certified.says}")


def latest(examples: Sequence[Example]) -> list[Example]:
    """Each ticket once, as it was said last: a reviewer's correction takes the place of what the history said."""
    by_key: dict[str, Example] = {}
    for example in examples:
        before = by_key.get(example.key)
        if before is None or example.corrected or not before.corrected:
            by_key[example.key] = example
    return list(by_key.values())
