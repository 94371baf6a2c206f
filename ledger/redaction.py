"""Taking words out of a text or of JSON, with what is left still readable."""

import json
import re
from collections.abc import Callable
from typing import Any

from contracts.digests import canonical_json, tagged_digest
from contracts.erasure import BLANK, TOMBSTONE_TAG
from contracts.errors import BadInput

SHORTEST = 3  # letters: less is in half of all words
SAID = ("says", "actor", "facts")  # what an entry says. Its kind, name, run and key are what others find it by

Cut = Callable[[str], str]


class Words:
    """Words to take out, wherever they stand, in capitals or not."""

    def __init__(self, words: str) -> None:
        """BadInput for words too short to mean somebody."""
        self.words = words.strip()
        if len(self.words) < SHORTEST:
            raise BadInput(
                f"{words!r} is too short to erase: it has to have {SHORTEST} characters.",
                way_out="Give a full name, an address, a number.",
            )
        self._plain = re.compile(re.escape(self.words), re.IGNORECASE)
        spelled = {json.dumps(self.words)[1:-1], json.dumps(self.words, ensure_ascii=False)[1:-1], self.words}
        self._anywhere = re.compile("|".join(map(re.escape, sorted(spelled))), re.IGNORECASE)

    def may_be_in(self, raw: str) -> bool:
        """Whether text or JSON could have them in it; quick, and never wrong when it says no."""
        return self._anywhere.search(raw) is not None

    def are_in(self, text: str) -> bool:
        return self._plain.search(text) is not None

    def cut(self, text: str) -> str:
        return self._plain.sub(BLANK, text)


def everything(text: str) -> str:
    """Cuts all of it."""
    return BLANK if text else text


def redacted(value: Any, cut: Cut) -> Any:
    """Plain JSON with every string cut, keys too."""
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, dict):
        return {cut(key) if cut is not everything else key: redacted(item, cut) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, cut) for item in value]
    return value


def tombstone(body: dict[str, Any], cut: Cut) -> str:
    """The body that is left of an entry. The salt goes with it, so that nobody can try out what stood there."""
    left = {name: redacted(value, cut) if name in SAID else value for name, value in body.items()}
    left.pop("salt", None)
    return canonical_json(left).decode()


def tombstone_digest(body: str) -> str:
    return tagged_digest(TOMBSTONE_TAG, body.encode())
