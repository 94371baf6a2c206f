"""The lines that `inside/run.py` prints, as they come: output in pieces, and how the command ended."""

import base64
import binascii
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandboxes.hosted.replies import unusable

PIECE = 1 << 16
LONGEST_LINE = 2 * PIECE


@dataclass
class Frames:
    """`end` is set by the last line. Anything that is no line of ours is an error: the output can't be trusted."""

    end: dict[str, Any] | None = None
    _rest: str = field(default="", repr=False)

    def take(self, text: str) -> Iterator[tuple[str, bytes]]:
        """Pieces of output: ("o" or "e", bytes)."""
        *lines, self._rest = (self._rest + text).split("\n")
        if len(self._rest) > LONGEST_LINE:
            raise unusable("a line without an end")
        for line in lines:
            if not line:
                continue
            if self.end is not None:
                raise unusable("a line after the last")
            letter, data = line[0], _decoded(line)
            if letter in "oe":
                yield letter, _unpacked(data)
            elif letter == "x":
                self.end = _ended(data)
            else:
                raise unusable(f"a line {line[:40]!r}")


def _decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line[1:], validate=True)
    except binascii.Error as error:
        raise unusable(f"a line {line[:40]!r}") from error


def _unpacked(data: bytes) -> bytes:
    try:
        piece = zlib.decompressobj().decompress(data, PIECE + 1)
    except zlib.error as error:
        raise unusable("output that can't be unpacked") from error
    if len(piece) > PIECE:
        raise unusable("more output than fits a piece")
    return piece


def _ended(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise unusable("an end that is no JSON") from error
    if not isinstance(found, dict):
        raise unusable("an end that is no object")
    return found
