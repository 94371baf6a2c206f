"""A desk as bytes and back: plain arrays and JSON, nothing that could run. What doesn't fit is refused by name.

Not compressed: words are searched in artifacts when personal data has to be erased.
"""

import io
import json
from typing import Any

import numpy as np

from activities.support_triage.confidence import Mixture
from activities.support_triage.desk import Desk
from activities.support_triage.encoders import Encoder
from activities.support_triage.heads import Head, Near
from activities.support_triage.members import Members
from activities.support_triage.triager import CODE, Triager
from activities.support_triage.words import Terms, Words
from contracts.errors import BadInput
from contracts.support import Certified, Example

AGAIN = "Learn again from the history: the next scheduled run does."


def dump(desk: Desk) -> bytes:
    """Some 100 kB for each intent, and as much for each hundred examples."""
    triager = desk.triager
    members, terms = triager.members, triager.terms
    said = {
        "code": CODE,
        "certified": triager.certified.model_dump(),
        "intents": triager.intents,
        "fitted": triager.fitted,
        "close": desk.close,
        "terms": [list(names) for names, _ in terms.parts],
        "examples": [example.model_dump(exclude_defaults=True) for example in desk.kept],
    }
    kept = io.BytesIO()
    np.savez(
        kept,
        said=np.frombuffer(json.dumps(said, ensure_ascii=False).encode(), np.uint8),
        idf_words=terms.parts[0][1],
        idf_letters=terms.parts[1][1],
        words=members.words.lines[: triager.fitted].astype(np.float16),
        head=members.head.lines[: triager.fitted],
        middle=members.head.middle,
        vectors=members.near.vectors.astype(np.float16),
        labels=members.near.labels,
        weights=triager.mixture.weights,
        sure=triager.mixture.sure,
    )
    return kept.getvalue()


def load(kept: bytes, encoder: Encoder) -> Desk:
    """BadInput where it was made by another version, or is read with another encoder than it was fitted with."""
    try:
        with np.load(io.BytesIO(kept), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        said = json.loads(found["said"].tobytes())
        certified = Certified.model_validate(said["certified"])
    except (ValueError, OSError, KeyError, EOFError) as error:
        raise BadInput("This is no model of support triage.", subject="model", way_out=AGAIN) from error
    if said["code"] != CODE or certified.encoder != encoder.name:
        raise BadInput(
            f"The model was made by {said['code']} with {certified.encoder!r}; here are {CODE} and {encoder.name!r}.",
            subject="model",
            way_out=AGAIN,
        )
    return _desk(found, said, certified, encoder)


def _desk(found: dict[str, Any], said: dict[str, Any], certified: Certified, encoder: Encoder) -> Desk:
    examples = [Example.model_validate(example) for example in said["examples"]]
    intents, fitted = list(said["intents"]), int(said["fitted"])
    near = Near(found["vectors"].astype(np.float32), found["labels"], len(intents))
    words, head = Words(found["words"].astype(np.float32)), Head(found["head"], found["middle"])
    terms = Terms(list(zip(said["terms"], (found["idf_words"], found["idf_letters"]), strict=True)))
    triager = Triager(
        encoder,
        intents,
        [example.text for example in examples],
        terms,
        Members(words, head, near),
        Mixture(found["weights"], found["sure"]),
        certified,
        fitted,
        _stale=len(intents) > fitted,
    )
    desk = Desk(triager, examples, float(said["close"]))
    for example, label in zip(examples, near.labels, strict=True):
        desk.count(example, intents[label])
    return desk
