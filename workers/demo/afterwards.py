"""What the main branch says after the merge: its tests once more, in a sandbox that knows nothing of the run."""

from pathlib import Path

from activities.machine.arriving import arrive
from activities.progress import Progress
from activities.ticket_to_pr.calls import TEST_SECONDS, looked_at
from activities.ticket_to_pr.testing import run_tests
from activities.toolbox import Identity, Toolbox
from contracts.machine import FOLDER, MachineSpec, OpenRequest
from contracts.policy import SandboxPolicy
from contracts.ticket import TestRun
from ledger import FolderArtifacts
from sandboxes import Providers
from workers.demo.stage import Stage


async def tests_of(stage: Stage, repository: Path, branch: str, given: tuple[str, ...]) -> TestRun:
    """Run the tests of a branch as it is now. `given`: the test command, where the project's own files don't say."""
    settings = stage.settings
    provider = Providers(settings.state / "sandboxes")
    tools = Toolbox(stage.here.ledger, FolderArtifacts(settings.artifacts), provider, None, Identity(), settings.state)
    asked = OpenRequest(spec=MachineSpec(repository=str(repository), commit=branch), machine="afterwards")
    try:
        sandbox, _ = await arrive(tools, asked, SandboxPolicy(), "demo", Progress("bringing it"))
        async with sandbox:
            project = await looked_at(sandbox, FOLDER, given)
            return await run_tests(sandbox, FOLDER, project, TEST_SECONDS)
    finally:
        await provider.close()
