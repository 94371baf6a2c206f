"""A remote repository, kept as a bare mirror on this host.

Git fetches it inside a sandbox that can reach the URL's host and write to this one folder only.
"""

import asyncio
import fcntl
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from activities.changelog.git import ENVIRONMENT, SAFE_CONFIG, failed
from activities.changelog.source import Source
from activities.git_remote import Credentials, reaching, refused
from activities.progress import Progress
from contracts.errors import TookTooLong
from contracts.policy import SandboxPolicy
from sandboxes.protocol import Mount, Result, Sandbox, SandboxProvider

TARGET = "/mirror"
WAIT_SECONDS = 600

FETCH_CONFIG = (
    SAFE_CONFIG
    + b"""\
[protocol "https"]
\tallow = always
[protocol "ssh"]
\tallow = always
[protocol "git"]
\tallow = always
[http]
\tlowSpeedLimit = 1000
\tlowSpeedTime = 60
"""
)


async def fetch(
    url: str,
    folder: Path,
    provider: SandboxProvider,
    policy: SandboxPolicy,
    owner: str,
    told: Progress,
    credentials: Credentials | None = None,
) -> Source:
    """Bring the mirror of a URL up to date, or make it. One process at a time works on one mirror."""
    policy, mirror = reaching(url, policy, credentials or {}), folder / _name(url)
    mirror.mkdir(parents=True, exist_ok=True)
    told.says = f"fetching {url}"
    async with _alone(mirror):
        mounts = [Mount(mirror, TARGET, writable=True)]
        async with await provider.create(policy, owner=owner, mounts=mounts) as sandbox:
            await sandbox.write("gitconfig", FETCH_CONFIG)
            await _update(sandbox, url)
    return Source(url, mirror)


def _name(url: str) -> str:
    """A folder name that says what it is and can't clash."""
    words = re.sub(r"[^A-Za-z0-9.-]+", "-", url.split("://")[-1].split("@")[-1]).strip("-.")[-60:]
    return f"{words}-{hashlib.sha256(url.encode()).hexdigest()[:16]}.git"


@asynccontextmanager
async def _alone(mirror: Path) -> AsyncIterator[None]:
    """Hold the mirror's lock. Whoever held it and died left git's own locks behind; they are removed."""
    path = mirror.with_suffix(".lock")
    with path.open("w") as lock:
        await _locked(lock.fileno(), mirror)
        for stale in [*mirror.glob("*.lock"), *mirror.glob("refs/**/*.lock")]:
            stale.unlink(missing_ok=True)
        yield


async def _locked(descriptor: int, mirror: Path) -> None:
    for _ in range(WAIT_SECONDS * 5):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(0.2)
    raise TookTooLong(
        f"Another run has been fetching {mirror.name!r} for {WAIT_SECONDS} seconds.",
        subject=mirror.name,
        way_out="Wait for it, or stop it.",
    )


async def _update(sandbox: Sandbox, url: str) -> None:
    await _run(sandbox, url, "init", "--quiet", "--bare", TARGET)
    refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    git = (f"--git-dir={TARGET}",)
    await _run(sandbox, url, *git, "fetch", "--quiet", "--prune", "--no-tags", "--", url, *refs)
    said = await _run(sandbox, url, *git, "ls-remote", "--symref", "--", url, "HEAD")
    found = re.match(rb"ref: (refs/heads/[^\s]+)\tHEAD", said.stdout)
    if found:
        await _run(sandbox, url, *git, "symbolic-ref", "HEAD", found.group(1).decode("utf-8", "surrogateescape"))


async def _run(sandbox: Sandbox, url: str, *args: str) -> Result:
    result = await sandbox.exec(("git", *args), env=ENVIRONMENT)
    if result.timed_out:
        raise TookTooLong(f"Fetching {url!r} took too long.", subject=url, way_out="Try later, or clone it.")
    if result.exit_code != 0:
        raise refused(result.stderr, url) or failed(result, url)
    return result
