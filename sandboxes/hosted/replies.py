"""What came back from the far side, checked: agents' code runs there as the same user, so it is data, not truth."""

import base64
import binascii
import hashlib
import json
import zlib
from typing import Any

from contracts.errors import SandboxFailed
from sandboxes.checkpoints import Seen

MARK = "reply:"
LONGEST_REPLY = 1 << 20
LONGEST_PATH = 4096
MOST_FILES = 1_000_000
KINDS = ("file", "link", "folder")


def unusable(why: str) -> SandboxFailed:
    return SandboxFailed(f"The sandbox answered with something unusable: {why}.", way_out="A new one may work.")


def answer(text: str) -> dict[str, Any]:
    """The last line of the helper's, as an object."""
    lines = [line for line in text[-2 * LONGEST_REPLY :].splitlines() if line.startswith(MARK)]
    if not lines:
        raise unusable(f"no reply, but {text[-200:]!r}")
    try:
        found = json.loads(base64.b64decode(lines[-1].removeprefix(MARK), validate=True))
    except ValueError as error:
        raise unusable("a reply that is no JSON") from error
    if not isinstance(found, dict):
        raise unusable("a reply that is no object")
    return found


def number(found: dict[str, Any], name: str, most: int) -> int:
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise unusable(f"{name} is {str(value)[:40]!r}")
    return value


def unpacked(packed: bytes, size: int, digest: object) -> bytes:
    """Never more than `size`, whatever it was packed from."""
    try:
        data = zlib.decompressobj().decompress(packed, size + 1)
    except zlib.error as error:
        raise unusable("a body that can't be unpacked") from error
    if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
        raise unusable("a body of another length or digest than it said")
    return data


def inline(found: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(found["body"], validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        raise unusable("a body that is no base64") from error


def path(value: object) -> str:
    """Relative, without a step up, as a checkpoint may name it."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_PATH or "\0" in value:
        raise unusable(f"a path {str(value)[:80]!r}")
    if any(part in ("", ".", "..") for part in value.split("/")):
        raise unusable(f"a path {value[:80]!r}")
    return value


def seen(body: bytes) -> dict[str, Seen]:
    """Rows of a scan, each file within a folder that is there too."""
    rows = _rows(body)
    found = {path(row[0]): _seen(row) for row in rows}
    for name in found:
        parent = name.rpartition("/")[0]
        if parent and (parent not in found or found[parent].kind != "folder"):
            raise unusable(f"{name[:80]!r} is in no folder")
    return found


def _rows(body: bytes) -> list[Any]:
    try:
        rows = json.loads(body)
    except ValueError as error:
        raise unusable("a list that is no JSON") from error
    if not isinstance(rows, list) or len(rows) > MOST_FILES:
        raise unusable("no list, or a too long one")
    if not all(isinstance(row, list) and len(row) == 6 for row in rows):
        raise unusable("a row of another shape")
    return rows


def _seen(row: list[Any]) -> Seen:
    _, kind, *numbers = row
    whole = all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in numbers)
    if kind not in KINDS or not whole or numbers[0] > 0o777:
        raise unusable(f"a row {str(row)[:80]!r}")
    return Seen(kind, *numbers)


def names(body: bytes) -> list[str]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise unusable("a list that is no JSON") from error
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise unusable("no list of names")
    return found


def lengths(found: dict[str, Any], count: int, total: int) -> list[int]:
    """One for each, -1 for what is gone; together as long as the body."""
    told = found.get("lengths")
    if not isinstance(told, list) or len(told) != count:
        raise unusable("another number of lengths")
    if not all(isinstance(each, int) and not isinstance(each, bool) and each >= -1 for each in told):
        raise unusable("a length that is none")
    if sum(max(each, 0) for each in told) != total:
        raise unusable("lengths that don't add up")
    return told
