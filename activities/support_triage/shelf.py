"""Fitted models on a shelf: a worker that starts, or another one, takes a model from there and need not fit it again.

A model is an artifact: checked against its hash when it is read, and searched when personal data has to be erased. The
shelf itself is one value in the ledger, the models' keys with their artifacts, the newest last. All of it can be made
again: what is missing, damaged, or of another version counts as not there, and is told.
"""

import json

from activities.support_triage.desk import Desk
from activities.support_triage.encoders import Encoder, Say
from activities.support_triage.keeping import dump, load
from activities.toolbox import Toolbox
from contracts.errors import CountersignError

SHELF = "support/models"
PLACES = 4  # models that are kept: some megabytes each


def kept(tools: Toolbox, key: str, encoder: Encoder, say: Say) -> Desk | None:
    """The model of that key; None: it has to be fitted."""
    ref = dict(_shelf(tools)).get(key)
    if ref is None:
        return None
    try:
        return load(tools.artifacts.get(ref), encoder)
    except CountersignError as error:
        say(f"fitting anew, since the kept model can't be read: {error.what}")
        _clear(tools, [ref])
        return None


def keep(tools: Toolbox, key: str, desk: Desk, say: Say) -> Desk:
    """Put it there, and give it as it is read from there: one model answers the same before and after a restart."""
    data = dump(desk)
    try:
        ref = tools.artifacts.put(data)
        shelf = [each for each in _shelf(tools) if each[0] != key]
        shelf.append((key, ref))
        tools.ledger.move_cursor(SHELF, json.dumps(shelf[-PLACES:]))
        _clear(tools, [old for _, old in shelf[:-PLACES]])
    except CountersignError as error:
        say(f"the model could not be kept, and is fitted again after a restart: {error.what}")
    return load(data, desk.triager.encoder)


def _shelf(tools: Toolbox) -> list[tuple[str, str]]:
    told = tools.ledger.cursor(SHELF)
    return [(key, ref) for key, ref in json.loads(told)] if told else []


def _clear(tools: Toolbox, refs: list[str]) -> None:
    for ref in refs:
        try:
            tools.artifacts.erase(ref)
        except CountersignError:  # it stays, and is found by who looks for what nothing refers to
            continue
