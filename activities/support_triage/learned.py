"""Models in the memory of a worker. One is made again from its material wherever it isn't there: the same material
gives the same model, and nothing that was pickled is ever loaded."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

from activities.support_triage.desk import Desk
from activities.support_triage.encoders import Say, best
from activities.support_triage.history import digest
from activities.toolbox import Toolbox
from contracts.errors import CountersignError
from contracts.support import Example, Examples, Material

MOST = 60_000  # labelled examples that are read to fit on: the newest
KEPT = 2  # models of a worker
EMBEDDINGS = "embeddings"  # the folder of the sentence model, among the tools; without it word vectors do

_lock = threading.Lock()
_known: "OrderedDict[str, tuple[Desk, tuple[str, ...]]]" = OrderedDict()


def desk(tools: Toolbox, material: Material, say: Say) -> Desk:
    """The model of this material. BadInput where there is nothing to learn from. One thread at a time."""
    with _lock:
        key, taken_in = digest(material.fitted), (*material.later, *material.lessons)
        made, known = _known.get(key, (None, ()))
        if made is None or taken_in[: len(known)] != known:
            made, known = _fitted(tools, material.fitted, say), ()
        for part in taken_in[len(known) :]:
            for each in labelled(tools, (part,)):
                made.learn(each)
        _known[key] = (made, taken_in)
        _known.move_to_end(key)
        while len(_known) > KEPT:
            _known.popitem(last=False)
        return made


def _fitted(tools: Toolbox, parts: Sequence[str], say: Say) -> Desk:
    newest = list[list[Example]]()
    for part in reversed(parts):  # from the newest on, so that no more is held than is learnt from
        newest.append(list(labelled(tools, (part,))))
        if sum(map(len, newest)) >= MOST:
            break
    examples = [each for some in reversed(newest) for each in some][-MOST:]
    times = [each.at for each in examples] if all(each.at for each in examples) else []
    return Desk.fit(examples, times, encoder=best(folder(tools)), say=say)


def folder(tools: Toolbox) -> Path | None:
    found = tools.state / EMBEDDINGS
    return found if found.is_dir() else None


def labelled(tools: Toolbox, parts: Sequence[str]) -> Iterator[Example]:
    """The examples of these parts that say what they are. A part that was erased is passed over."""
    for part in parts:
        try:
            found = tools.artifacts.get_model(Examples, part)
        except CountersignError as error:
            if error.name != "NotFound":
                raise
            continue
        yield from (each for each in found.examples if (each.intent or each.queue) and each.text.strip())
