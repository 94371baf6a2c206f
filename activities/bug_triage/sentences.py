"""The beginnings of issues as vectors, each text encoded once: a night of thousands asks for the same ones often.

What is kept is bounded, and is forgotten with the process.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from activities.support_triage.encoders import Encoder, Matrix, best

MOST_CHARACTERS = 240  # of a text: a sentence model takes 10 ms for these, 60 ms for a page, and tells no more by it
MOST_KEPT = 40_000
AT_ONCE = 128
THREADS = 2

_lock = threading.Lock()
_kept: "OrderedDict[tuple[str, bytes], Matrix]" = OrderedDict()


class Sentences:
    """An encoder with a memory. `name` tells which: a model that was fitted with one can't read with another."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name = f"{encoder.name}-{MOST_CHARACTERS}"

    @classmethod
    def of(cls, folder: Path | None) -> "Sentences":
        """By the sentence model where `folder` has its file, else by word vectors."""
        return cls(best(folder))

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row of unit length for each text; a row of zeros for a text with no words."""
        cut = [text[:MOST_CHARACTERS] for text in texts]
        keys = [(self._encoder.name, hashlib.blake2b(text.encode(), digest_size=16).digest()) for text in cut]
        with _lock:
            found = {key: _kept[key] for key in keys if key in _kept}
        new = {key: text for key, text in zip(keys, cut, strict=True) if key not in found}
        found |= dict(zip(new, self._new(list(new.values())), strict=True))
        with _lock:
            _kept.update({key: found[key].astype(np.float16) for key in new})
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
        rows = np.zeros((len(texts), self._encoder.width), np.float32)
        for place, key in enumerate(keys):
            rows[place] = found[key].astype(np.float16)  # new or kept, the same numbers
        return rows

    def _new(self, texts: list[str]) -> list[Matrix]:
        """Those of like length together, since a batch costs what its longest costs."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        parts = [order[at : at + AT_ONCE] for at in range(0, len(order), AT_ONCE)]
        rows: list[Matrix] = [np.zeros(0, np.float32)] * len(texts)
        if parts:
            self._encoder.encode([texts[order[0]]])  # which loads it, once
        with ThreadPoolExecutor(THREADS) as threads:
            for part, vectors in zip(
                parts, threads.map(self._encoder.encode, ([texts[at] for at in part] for part in parts)), strict=True
            ):
                for place, vector in zip(part, vectors, strict=True):
                    rows[place] = vector
        return rows
