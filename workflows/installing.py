"""Packages for a project's tests: installed by a machine that reaches their registry, used by one without a network."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.machine import Machine
from workflows.measuring import again

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.install import Install, Installed, Registry
    from contracts.machine import MachineSpec
    from contracts.steps import TICKET_INSTALL
    from contracts.ticket import ProjectSeen

WHAT = "Install what the tests need"


async def installed(machine: Machine, seen: ProjectSeen, *, asked: bool) -> Installed | None:
    """What came of it; None where the project needs nothing. `machine` goes on with the packages, where there are any.

    That they can't be had is told, and is no failure of the run.
    """
    if not seen.needs.kind:
        return None
    if not asked:
        return Installed(ok=False, says=f"Not installed: nobody asked for what {seen.needs.says} names (--install)")
    if seen.registry is None:
        return Installed(ok=False, says=f"Not installed: COUNTERSIGN_PACKAGES allows no {seen.needs.kind} registry")
    try:
        return await _by_another(machine, seen, seen.registry)
    except ApplicationError as error:
        return Installed(ok=False, says=f"Not installed: {error.message}"[:300])


async def _by_another(machine: Machine, seen: ProjectSeen, registry: Registry) -> Installed:
    """Its work is taken over, its network is not."""
    await machine.park()
    other = Machine(reaching(machine.spec, registry), name="install")
    other.adopt(machine.state)
    async with other:
        done = await again(
            lambda: other.change(
                TICKET_INSTALL, lambda lease: Install(lease=lease, needs=seen.needs, registry=registry), WHAT
            ),
            WHAT,
        )
        state = await other.park()
    if done.ok:
        machine.adopt(state)
    return done


def reaching(spec: MachineSpec, registry: Registry) -> MachineSpec:
    """The machine with this registry and no other host."""
    policy = spec.sandbox.model_copy(update={"network": "allow", "allow": registry.allow})
    return spec.model_copy(update={"sandbox": policy})
