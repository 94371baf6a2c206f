"""What a run does on its machine beside running commands: look at the project, test, search a repair, prove."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from temporalio import activity

from activities.machine.calls import MachineCalls
from activities.machine.leases import Held
from activities.progress import progress
from activities.repair.repair import repair
from activities.ticket_to_pr import project as projects
from activities.ticket_to_pr.installing import install
from activities.ticket_to_pr.needs import FILES as SAYS_NEEDS
from activities.ticket_to_pr.needs import needs
from activities.ticket_to_pr.proving import prove, why_not
from activities.ticket_to_pr.testing import run_tests
from contracts import steps
from contracts.errors import NotFound
from contracts.install import Install, Installed
from contracts.repair import RepairCandidate, RepairRequest, RepairResult, RepositoryUnderRepair
from contracts.ticket import (
    LookAtProject,
    Project,
    ProjectSeen,
    Prove,
    Proved,
    RepairSearched,
    RunTests,
    SearchRepair,
    TestRun,
    TestsRan,
    Ticket,
)
from sandboxes.protocol import Sandbox

LARGEST_SETTING = 8 << 20
MOST_NAMES = 50_000
MOST_NAMED = 50
TEST_SECONDS = 900.0


class TicketCalls(MachineCalls):
    """Registered on the queue of the process that holds the machines."""

    @activity.defn(name=steps.TICKET_PROJECT.name)
    async def project(self, request: LookAtProject) -> ProjectSeen:
        """How the project is tested, from its own files."""
        async with self._using(request) as held:
            files = await _settings(held.sandbox, held.folder)
            found = projects.found_out(files, await _names(held.sandbox, held.folder), request.test)
            says = f"{' '.join(found.test)} ({found.why})" if found.test else found.why
            wanted = needs(files)
            registry = next((each for each in self._tools.registries if each.kind == wanted.kind), None)
            return ProjectSeen(project=found, needs=wanted, registry=registry, says=says)

    @activity.defn(name=steps.TICKET_INSTALL.name)
    async def install(self, request: Install) -> Installed:
        """Install what the project's tests need, in a machine that reaches the registry and nothing else."""
        async with self._changing(request) as held, progress("installing what the tests need"):
            made, installed = await install(held.sandbox, held.folder, request)
            kept = await asyncio.to_thread(self._artifacts.put_model, installed)
            return await self._kept(held, made.model_copy(update={"packages": kept}))

    @activity.defn(name=steps.TICKET_TESTS.name)
    async def tests(self, request: RunTests) -> TestsRan:
        """Run the tests as the work tree is now."""
        async with self._changing(request) as held, progress("running the tests"):
            ran = await run_tests(held.sandbox, held.folder, request.project, TEST_SECONDS)
            return await self._kept(held, await self._tested(ran))

    async def _tested(self, ran: TestRun) -> TestsRan:
        return TestsRan(
            run=await asyncio.to_thread(self._artifacts.put_model, ran),
            passed=ran.passed,
            failing=ran.failing[:MOST_NAMED],
            count=len(ran.tests),
            says=ran.says,
        )

    @activity.defn(name=steps.TICKET_REPAIR.name)
    async def repair(self, request: SearchRepair) -> RepairSearched:
        """Search small edits, and apply the most plausible one that makes the tests pass."""
        async with self._changing(request) as held, progress("looking for what is broken") as told:
            ticket = await asyncio.to_thread(self._artifacts.get_model, Ticket, request.ticket)
            before = await asyncio.to_thread(self._artifacts.get_model, TestRun, request.before)
            asked = RepairRequest(
                subject=RepositoryUnderRepair(
                    folder=held.folder,
                    failing=before.failing,
                    python=request.project.test[0] if request.project.test else "python3",
                    environment=request.project.environment,
                ),
                ticket=ticket.words,
                output=before.output,
                limits=request.limits,
            )

            def tell(says: str) -> None:
                told.says = says

            found = await repair(held.sandbox, asked, progress=tell)
            fixed = bool(found.candidates) and await _applied(held, found.candidates[0])
            return await self._kept(held, await self._searched(found, fixed=fixed))

    async def _searched(self, found: RepairResult, *, fixed: bool) -> RepairSearched:
        what = f"fixed by {found.candidates[0].says}" if fixed else found.ended
        return RepairSearched(
            result=await asyncio.to_thread(self._artifacts.put_model, found),
            fixed=fixed,
            tries=found.tries,
            note=found.note[:4000],
            says=f"{found.tries:,} edits tried in {found.seconds:.0f} s: {what}"[:300],
        )

    @activity.defn(name=steps.TICKET_PROVE.name)
    async def prove(self, request: Prove) -> Proved:
        """The proof of what is in the work tree now."""
        async with self._changing(request) as held, progress("proving it"):
            proof = await prove(held.sandbox, held.folder, held.base, request, self._artifacts, TEST_SECONDS)
            gives = Proved(
                proof=await asyncio.to_thread(self._artifacts.put_model, proof),
                holds=proof.holds,
                presentable=proof.presentable,
                files=len(proof.files),
                why=why_not(proof)[:8000],
                says=f"The proof {'holds' if proof.holds else 'does not hold'}: {proof.after.says}",
            )
            return await self._kept(held, gives)


async def looked_at(sandbox: Sandbox, folder: str, given: Sequence[str] = ()) -> Project:
    """How the project in a sandbox's folder is tested, from its own files or by a person's word."""
    return projects.found_out(await _settings(sandbox, folder), await _names(sandbox, folder), given)


async def _settings(sandbox: Sandbox, folder: str) -> dict[str, str]:
    """The text of the files that say how the project is tested and what it needs."""
    files = {}
    for name in dict.fromkeys((*projects.FILES, *SAYS_NEEDS)):
        with suppress(NotFound):
            data = await sandbox.read(f"{folder}/{name}", limit=LARGEST_SETTING)
            files[name] = data.decode(errors="replace")
    return files


async def _names(sandbox: Sandbox, folder: str) -> list[str]:
    """All files that git knows of."""
    listed = await sandbox.exec(["git", "ls-files", "-z"], cwd=f"/work/{folder}")
    return [name for name in listed.stdout.decode(errors="replace").split("\0") if name][:MOST_NAMES]


async def _applied(held: Held, candidate: RepairCandidate) -> bool:
    """Whether the work tree took the change."""
    result = await held.sandbox.exec(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=f"/work/{held.folder}",
        stdin=candidate.diff.encode("utf-8", "surrogateescape"),
    )
    return result.exit_code == 0
