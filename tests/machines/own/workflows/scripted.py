"""A workflow for tests: it does with its machine what its request says, and gives an account of it."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.machine import CallInterrupted, Machine

with workflow.unsafe.imports_passed_through():
    from contracts.machine import MachineSpec, MachineState


class Act(BaseModel):
    """One thing to do: `do` names it, `args` are its arguments."""

    do: str
    args: dict[str, Any] = {}


class Told(BaseModel):
    """What became of it: ok, interrupted, or an error's name; its result or its words."""

    do: str
    outcome: str
    result: Any = None
    commit: str = ""
    checkpoint: str = ""
    queue: str = ""


class Script(BaseModel):
    spec: MachineSpec
    acts: list[Act]
    state: MachineState | None = None
    told: list[Told] = []


class Account(BaseModel):
    told: list[Told]


@workflow.defn(name="scripted")
class Scripted:
    """Each act in order; `told` can be asked for meanwhile, and `go` lets an act `wait` end."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._went = 0

    @workflow.run
    async def run(self, script: Script) -> Account:
        self._told = list(script.told)
        async with Machine(script.spec, state=script.state) as machine:
            for number, act in enumerate(script.acts):
                if act.do == "continue":
                    rest = {"acts": script.acts[number + 1 :], "state": machine.state, "told": self._told}
                    workflow.continue_as_new(script.model_copy(update=rest))
                self._told.append(await self._done(machine, act))
        return Account(told=self._told)

    @workflow.signal
    def go(self) -> None:
        self._went += 1

    @workflow.query
    def told(self) -> Account:
        return Account(told=self._told)

    async def _done(self, machine: Machine, act: Act) -> Told:
        outcome, result = "ok", None
        try:
            result = await self._act(machine, act)
        except CallInterrupted as error:
            outcome, result = "interrupted", str(error)
        except ApplicationError as error:
            outcome, result = str(error.type), error.message
        state = machine.state
        return Told(
            do=act.do,
            outcome=outcome,
            result=result,
            commit=state.commit,
            checkpoint=state.checkpoint,
            queue=state.lease.queue if state.lease else "",
        )

    async def _act(self, machine: Machine, act: Act) -> Any:
        match act.do:
            case "sleep":
                return await workflow.sleep(timedelta(**act.args))
            case "wait":
                return await workflow.wait_condition(lambda: self._went > 0)
            case "run" if "timeout" in act.args:
                return await machine.run(**{**act.args, "timeout": timedelta(seconds=act.args["timeout"])})
            case _:
                return await getattr(machine, act.do)(**act.args)
