"""Answers on their way in: a credential that comes back is stopped, and links of package indexes lead here.

Both look for a few fixed words in a stream whose chunks may end in the middle of one.
"""

from collections.abc import Mapping

from sandboxes.egress import words


class Filter:
    """Replaces words in a stream. A word that maps to None must not come at all."""

    def __init__(self, host: str, replaced: Mapping[bytes, bytes | None]) -> None:
        self._host = host
        self._replaced = replaced
        self._kept = b""

    def feed(self, chunk: bytes) -> bytes:
        """What can be passed on by now. Raises Denied for a word that must not come."""
        data = self._kept + chunk
        for word, other in self._replaced.items():
            if other is not None:
                data = data.replace(word, other)
            elif word in data:
                raise words.repeated(self._host)
        held = max((_begun(data, word) for word in self._replaced), default=0)
        self._kept = data[len(data) - held :]
        return data[: len(data) - held]

    def end(self) -> bytes:
        kept, self._kept = self._kept, b""
        return kept


def _begun(data: bytes, word: bytes) -> int:
    """How many of the last bytes may be the beginning of `word`."""
    tail = data[-(len(word) - 1) :] if len(word) > 1 else b""
    return next((len(tail) - start for start in range(len(tail)) if word.startswith(tail[start:])), 0)
