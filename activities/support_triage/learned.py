"""The models of a worker. The same material gives the same model: in memory, else from the shelf, else fitted. Nothing
that was pickled is ever loaded."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from activities.support_triage import shelf
from activities.support_triage.desk import Desk
from activities.support_triage.encoders import Encoder, Say, best
from activities.support_triage.history import digest
from activities.toolbox import Toolbox
from contracts.errors import CountersignError
from contracts.support import Example, Examples, Material

MOST = 60_000  # labelled examples that are read to fit on: the newest
KEPT = 2  # models of a worker

_lock = threading.Lock()
_known: "OrderedDict[str, tuple[Desk, frozenset[str]]]" = OrderedDict()


def desk(tools: Toolbox, material: Material, say: Say) -> Desk:
    """The model of this material. BadInput where there is nothing to learn from. One thread at a time."""
    with _lock:
        encoder = best(tools.embeddings)
        parts, taken_in = _there(tools, material.fitted), _there(tools, (*material.later, *material.lessons))
        key = digest((encoder.name, *parts))
        made, known = _known.get(key, (None, frozenset()))
        if made is None or not known <= set(taken_in):  # something was erased since
            made, known = shelf.kept(tools, key, encoder, say), frozenset()
        if made is None:
            made = shelf.keep(tools, key, _fitted(tools, parts, encoder, say), say)
        if new := list(labelled(tools, [each for each in taken_in if each not in known])):
            made = made.with_examples(new)
        _known[key] = (made, frozenset(taken_in))
        _known.move_to_end(key)
        while len(_known) > KEPT:
            _known.popitem(last=False)
        return made


def _there(tools: Toolbox, parts: Sequence[str]) -> tuple[str, ...]:
    """Without those that were erased: nothing is known from them any more."""
    return tuple(part for part in parts if tools.artifacts.has(part))


def _fitted(tools: Toolbox, parts: Sequence[str], encoder: Encoder, say: Say) -> Desk:
    newest, known = list[Example](), set[str]()
    for part in reversed(parts):  # from the newest on, so that no more is held than is learnt from
        for each in reversed(list(labelled(tools, (part,)))):
            if each.key not in known:  # what was said of a ticket last is what counts
                known.add(each.key)
                newest.append(each)
        if len(newest) >= MOST:
            break
    found = newest[:MOST][::-1]
    times = [each.at for each in found] if all(each.at for each in found) else []
    return Desk.fit(found, times, encoder=encoder, say=say)


def labelled(tools: Toolbox, parts: Sequence[str]) -> Iterator[Example]:
    """The examples of these parts that say what they are."""
    for part in parts:
        yield from (each for each in examples(tools, part) if (each.intent or each.queue) and each.text.strip())


def examples(tools: Toolbox, part: str) -> tuple[Example, ...]:
    """Those of a part; none where it was erased."""
    try:
        return tools.artifacts.get_model(Examples, part).examples
    except CountersignError as error:
        if error.name != "NotFound":
            raise
        return ()
