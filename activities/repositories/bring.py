"""Bring a repository to this host, for a sandbox to read: a folder as it is, a URL by the host's mirror."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from activities.git_remote import Credentials
from activities.progress import Progress
from activities.repositories import mirror, source
from activities.repositories.cache import Mirrors
from activities.repositories.git import ENVIRONMENT
from activities.repositories.head import default_branch
from activities.repositories.source import Source
from contracts.errors import NotARepository, UnknownRange
from contracts.policy import SandboxPolicy
from sandboxes.protocol import Mount, SandboxProvider

FOLDER = "mirrors"
READ_AT = "/source"


@dataclass(frozen=True)
class Repositories:
    """Repositories of this host. `folder` holds the mirrors; all that read or fetch do so in `provider`'s sandboxes.

    async with repositories.bring("https://example.org/x.git", policy) as brought:
        commit = await repositories.commit(brought, "main", policy)
        box = await provider.create(policy, tree=Tree(brought.git_dir, commit))
    """

    folder: Path
    provider: SandboxProvider
    credentials: Credentials = field(default_factory=dict)

    @asynccontextmanager
    async def bring(
        self, repository: str, policy: SandboxPolicy, *, owner: str = "", told: Progress | None = None, commit: str = ""
    ) -> AsyncIterator[Source]:
        """The repository behind a path or URL; while the block runs, its mirror is not removed.

        A mirror is brought up to date first, once for all that ask meanwhile. `commit`: if that one is there
        already, nothing is fetched. Nothing inside a sandbox can change what others read here: mount it
        read-only, or start from a `Tree`, whose objects stay even when the path's own are cleaned away.

        Raises NotARepository, AccessRefused, BadInput, TookTooLong, DiskFull.
        """
        if not source.is_url(repository):
            yield source.local(repository)
            return
        url, mirrors = source.checked_url(repository), Mirrors(self.folder)
        place, asked = mirrors.at(url), time.time()
        async with mirrors.changing(place):
            if mirrors.fetched(place) < asked and not await self._has(mirrors, place, commit, policy, owner):
                told = told or Progress("")
                await mirror.fetch(url, mirrors, self.provider, policy, owner, told, self.credentials)
            used = mirrors.use(place)
        try:
            if mirrors.is_due():
                await asyncio.to_thread(mirrors.prune)
            yield Source(url, place)
        except NotARepository:
            mirrors.note_fetch(place, 0)  # the next one looks whether the mirror is damaged
            raise
        finally:
            os.close(used)

    async def _has(self, mirrors: Mirrors, place: Path, commit: str, policy: SandboxPolicy, owner: str) -> bool:
        if not re.fullmatch(r"[0-9a-f]{40,64}", commit) or not mirrors.fetched(place):
            return False
        return await mirror.has(place, commit, self.provider, policy, owner)

    async def commit(self, brought: Source, name: str, policy: SandboxPolicy, *, owner: str = "") -> str:
        """The SHA of the commit that a branch, tag or SHA means there. Empty: its HEAD. Raises UnknownRange."""
        asked = f"{name or brought.head}^{{commit}}"
        argv = ("git", f"--git-dir={READ_AT}", "rev-parse", "--quiet", "--verify", "--end-of-options", asked)
        mounts = [Mount(brought.git_dir, READ_AT)]
        async with await self.provider.create(policy, owner=owner, mounts=mounts) as sandbox:
            said = (await sandbox.exec(argv, env=ENVIRONMENT)).stdout.decode(errors="replace").strip()
        if not re.fullmatch(r"[0-9a-f]{40,64}", said):
            raise no_commit(str(brought.repository), name)
        return said

    async def default_branch(self, url: str, *, owner: str = "") -> str:
        """The branch that a URL's HEAD names now."""
        return await default_branch(source.checked_url(url), self.provider, owner, self.credentials)

    def mirrors(self) -> Mirrors:
        return Mirrors(self.folder)


def no_commit(repository: str, name: str) -> UnknownRange:
    """A branch that isn't there, or (`name` empty) a repository in which nothing was committed yet."""
    if name:
        what, way_out = f"{repository!r} has no {name!r}.", "Name a branch, tag or commit that it has."
    else:
        what, way_out = f"{repository!r} has no commits yet.", "Commit something, or name another branch."
    return UnknownRange(what, subject=name, way_out=way_out)
