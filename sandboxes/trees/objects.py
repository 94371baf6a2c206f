"""A repository's objects, kept by further names for the same files: they stay though the repository is cleaned away.

A file of git's object store never changes under its name, so a second name (a hard link) costs nothing; where there
can be none, such as on another file system, it is a copy.
"""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

PACK = re.compile(r"(pack-[0-9a-f]{40,64})\.(pack|rev|idx)")
LOOSE = re.compile(r"[0-9a-f]{38,62}")
# The index last: git looks for packs by it.
ORDER = ("pack", "rev", "idx")
TRIES = 5


def keep(source: Path, target: Path) -> None:
    """All objects of the object store `source` in `target`; those that are there already stay. Raises OSError.

    A repack meanwhile moves objects from files that were seen to files that weren't: then it looks again.
    """
    for _ in range(TRIES):
        if not [name for name in _names(source) if not _taken(source / name, target / name)]:
            return


def _names(source: Path) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):
        found = [match for path in (source / "pack").iterdir() if (match := PACK.fullmatch(path.name))]
        yield from (f"pack/{each[0]}" for each in sorted(found, key=lambda each: (each[1], ORDER.index(each[2]))))
    for number in range(256):
        folder = f"{number:02x}"
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from (f"{folder}/{path.name}" for path in (source / folder).iterdir() if LOOSE.fullmatch(path.name))


def _taken(source: Path, target: Path) -> bool:
    """False: it is gone meanwhile."""
    if target.exists():
        return True
    target.parent.mkdir(exist_ok=True)
    try:
        if stat.S_ISREG(source.lstat().st_mode):
            _link(source, target)
    except FileNotFoundError:
        return False
    except FileExistsError:
        pass
    return True


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, too many names, or a file that is not ours
        new = target.with_name(f".{target.name}.new")
        shutil.copyfile(source, new, follow_symlinks=False)
        new.chmod(0o444)
        new.replace(target)
