"""A remote repository, kept as a bare mirror on this host.

Git fetches it inside a sandbox that can reach the URL's host and write to this one folder only.
"""

import re
import shutil
import time
from pathlib import Path

from activities.git_remote import Credentials, reaching, refused
from activities.progress import Progress
from activities.repositories.cache import Mirrors
from activities.repositories.git import ENVIRONMENT, SAFE_CONFIG, failed
from contracts.errors import NotARepository, TookTooLong
from contracts.policy import SandboxPolicy
from sandboxes.protocol import Mount, Result, Sandbox, SandboxProvider

TARGET = "/mirror"

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
    mirrors: Mirrors,
    provider: SandboxProvider,
    policy: SandboxPolicy,
    owner: str,
    told: Progress,
    credentials: Credentials | None = None,
) -> None:
    """Bring the mirror of a URL up to date, or make it; a damaged one is made anew. Hold it by `changing`."""
    policy = reaching(url, policy, credentials or {})
    mirror = mirrors.at(url)
    told.says, began = f"fetching {url}", time.time()
    doubtful = mirrors.fetched(mirror) == 0
    mirrors.note_fetch(mirror, 0)
    try:
        sound = await _fetch_into(mirror, url, provider, policy, owner, check=doubtful)
    except NotARepository:
        if await _holds(mirror, provider, policy, owner):
            raise
        sound = False
    if not sound:
        told.says = f"fetching {url} anew, the copy here is damaged"
        await _rebuild(mirrors, mirror, url, provider, policy, owner)
    mirrors.note_fetch(mirror, began)


async def _rebuild(
    mirrors: Mirrors, mirror: Path, url: str, provider: SandboxProvider, policy: SandboxPolicy, owner: str
) -> None:
    fresh = mirrors.fresh()
    try:
        await _fetch_into(fresh, url, provider, policy, owner, check=False)
        mirrors.put(fresh, mirror)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


async def has(mirror: Path, commit: str, provider: SandboxProvider, policy: SandboxPolicy, owner: str) -> bool:
    """Whether a commit is there already."""
    argv = ("git", f"--git-dir={TARGET}", "cat-file", "-e", f"{commit}^{{commit}}")
    async with await provider.create(policy, owner=owner, mounts=[Mount(mirror, TARGET)]) as sandbox:
        return (await sandbox.exec(argv, env=ENVIRONMENT)).exit_code == 0


async def _fetch_into(
    mirror: Path, url: str, provider: SandboxProvider, policy: SandboxPolicy, owner: str, *, check: bool
) -> bool:
    """False: what was there is damaged."""
    mounts = [Mount(mirror, TARGET, writable=True)]
    async with await provider.create(policy, owner=owner, mounts=mounts) as sandbox:
        await sandbox.write("gitconfig", FETCH_CONFIG)
        if check and any(mirror.iterdir()) and not await _is_sound(sandbox):
            return False
        await _update(sandbox, url)
    return True


async def _holds(mirror: Path, provider: SandboxProvider, policy: SandboxPolicy, owner: str) -> bool:
    """Whether a mirror that could not be fetched into is whole, so that the fault is with the other side."""
    async with await provider.create(policy, owner=owner, mounts=[Mount(mirror, TARGET)]) as sandbox:
        return await _is_sound(sandbox)


async def _is_sound(sandbox: Sandbox) -> bool:
    """Whether all that its branches need is there and can be read."""
    argv = ("git", f"--git-dir={TARGET}", "fsck", "--connectivity-only", "--no-dangling", "--no-progress")
    result = await sandbox.exec(argv, env=ENVIRONMENT)
    return result.exit_code == 0 or result.timed_out


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
