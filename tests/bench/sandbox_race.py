"""Half a million attempts to read through a folder that becomes a link to the host and back.

`python -m tests.bench.sandbox_race [attempts]` prints one JSON line: how many were tried, how many read inside,
were refused, and read the host's file (which has to be 0), for the sandbox's own way to open files (`openat2`)
and, a tenth as often, for the way that looks at the real path first and opens it afterwards (`realpath`).
"""

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from contracts.policy import SandboxPolicy
from sandboxes import beneath, choose
from tests.sandboxes.escapes.race import swapping


def realpath_then_open(folder: int, path: str, flags: int) -> int:
    """What many tools do: resolve, compare with the root, open."""
    root = Path(f"/proc/self/fd/{folder}").readlink()
    real = Path(os.path.realpath(root / path))
    if not real.is_relative_to(root):
        raise PermissionError(path)
    return os.open(root / path, flags)


async def race(folder: Path, attempts: int) -> Counter[str]:
    with tempfile.TemporaryDirectory() as outside:
        async with await choose(folder).create(SandboxPolicy()) as box:
            return await swapping(box, Path(outside), seconds=600, most=attempts)


async def main(attempts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        safe = await race(Path(folder), attempts)
        kept, beneath.open_beneath = beneath.open_beneath, realpath_then_open
        try:
            naive = await race(Path(folder), attempts // 10)
        finally:
            beneath.open_beneath = kept
    print(json.dumps({"openat2": tell(safe), "realpath": tell(naive)}))
    sys.exit(1 if safe["outside"] else 0)


def tell(counts: Counter[str]) -> dict[str, int]:
    return {"attempts": counts.total(), **{name: counts[name] for name in ("inside", "refused", "outside")}}


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500_000))
