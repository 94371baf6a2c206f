"""The file beside a file of issues or tickets, `NAME.updates.jsonl`: one line for each effect that was carried out."""

import os
from pathlib import Path

from contracts.errors import DiskFull

UPDATES = ".updates.jsonl"


def append(number: int, data: bytes, path: Path) -> None:
    """A whole line, on the disk when this returns, behind one that a dead process left torn. `number`: the open file's,
    which is locked. DiskFull, with the file as it was, where there is no room."""
    size = os.fstat(number).st_size
    torn = size > 0 and os.pread(number, 1, size - 1) != b"\n"
    line = (b"\n" if torn else b"") + data
    try:
        written = os.write(number, line)
        os.fsync(number)
    except OSError as error:
        os.ftruncate(number, size)
        raise DiskFull(f"{str(path)!r} can't be written: {error.strerror}.", subject=str(path)) from error
    if written < len(line):
        os.ftruncate(number, size)
        raise DiskFull(f"There is no room for a line in {str(path)!r}.", subject=str(path), way_out="Make room.")
