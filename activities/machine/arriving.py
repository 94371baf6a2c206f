"""How a repository comes into a machine."""

import asyncio

from activities.machine import toolchain
from activities.progress import Progress
from activities.toolbox import Toolbox
from contracts.machine import FOLDER, OpenRequest
from contracts.policy import SandboxPolicy
from sandboxes.protocol import Sandbox, Tree

EMPTY = "empty"


async def arrive(
    tools: Toolbox, request: OpenRequest, policy: SandboxPolicy, owner: str, told: Progress
) -> tuple[Sandbox, str]:
    """A sandbox with the work tree in `FOLDER` and its base marked, and the commit that it is at."""
    spec, repositories = request.spec, tools.repositories
    mounts = [await asyncio.to_thread(toolchain.mount, tools.state)]
    if not spec.repository:
        sandbox = await tools.sandboxes.create(policy, owner=owner, mounts=mounts)
        await sandbox.mark_base(EMPTY)
        return sandbox, ""
    bringing = repositories.bring(spec.repository, policy, owner=owner, told=told, commit=request.commit)
    async with bringing as brought:
        wanted = "" if spec.commit == "HEAD" else spec.commit
        commit = request.commit or await repositories.commit(brought, wanted, policy, owner=owner)
        told.says = f"checking out {commit[:12]}"
        tree = Tree(brought.git_dir, commit, FOLDER)
        return await tools.sandboxes.create(policy, owner=owner, mounts=mounts, tree=tree), commit
