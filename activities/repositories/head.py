"""Which branch a URL's HEAD names: the one that a change is for, where nobody said another."""

import re

from activities.git_remote import Credentials, reaching, refused
from activities.repositories.git import ENVIRONMENT, failed
from activities.repositories.mirror import FETCH_CONFIG
from contracts.errors import TookTooLong, UnknownRange
from contracts.policy import SandboxPolicy
from sandboxes.protocol import SandboxProvider


async def default_branch(url: str, provider: SandboxProvider, owner: str, credentials: Credentials) -> str:
    """The branch's name. Raises what a fetch does; UnknownRange where HEAD names none."""
    policy = reaching(url, SandboxPolicy(wall_seconds=60), credentials)
    async with await provider.create(policy, owner=owner) as sandbox:
        await sandbox.write("gitconfig", FETCH_CONFIG)
        result = await sandbox.exec(("git", "ls-remote", "--symref", "--", url, "HEAD"), env=ENVIRONMENT)
    if result.timed_out:
        raise TookTooLong(f"Asking {url!r} for its branches took too long.", subject=url, way_out="Try later.")
    if result.exit_code != 0:
        raise refused(result.stderr, url) or failed(result, url)
    found = re.search(rb"^ref: refs/heads/(\S+)\tHEAD$", result.stdout, re.MULTILINE)
    if not found:
        raise UnknownRange(f"{url!r} has no default branch.", subject=url, way_out="Name one: --branch NAME.")
    return found[1].decode(errors="replace")
