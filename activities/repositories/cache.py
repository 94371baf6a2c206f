"""Bare mirrors of this host: one for each URL, shared by all runs."""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sandboxes.shelf import Shelf


class Mirrors(Shelf):
    """The mirrors in one folder. Beside each, `NAME.fetched` says when its last complete fetch began."""

    def at(self, url: str) -> Path:
        """Where a URL's mirror is: the name says what it is and can't clash."""
        words = re.sub(r"[^A-Za-z0-9.-]+", "-", url.split("://")[-1].split("@")[-1]).strip("-.")[-60:]
        return self.folder / f"{words}-{hashlib.sha256(url.encode()).hexdigest()[:16]}.git"

    @asynccontextmanager
    async def changing(self, mirror: Path) -> AsyncIterator[None]:
        """Hold one alone, made if need be. Whoever held it and died left git's own locks; they are removed."""
        async with self.alone(mirror):
            mirror.mkdir(exist_ok=True)
            for stale in [*mirror.glob("*.lock"), *mirror.glob("refs/**/*.lock")]:
                stale.unlink(missing_ok=True)
            yield

    def fetched(self, mirror: Path) -> float:
        """When the last complete fetch began, by the clock of `time.time`; 0 if none ended well since."""
        with contextlib.suppress(OSError, ValueError):
            return float(mirror.with_suffix(".fetched").read_text())
        return 0.0

    def note_fetch(self, mirror: Path, began: float) -> None:
        """0: a fetch begins, or a reader found damage. A mirror whose note stays like this is looked at first."""
        mirror.with_suffix(".fetched").write_text(str(began))
