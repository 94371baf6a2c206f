"""A small workflow with the real gate and the real end: what a person signs is carried out."""

from temporalio import workflow

from workflows.ending import carry_out
from workflows.gate import ReviewGate

with workflow.unsafe.imports_passed_through():
    from contracts.decision import Revision
    from contracts.policy import Policy
    from contracts.runs import Outcome, Sealed

POLICY = Policy(summary="Sends what was signed", effects=("test.letter", "test.registered", "test.parcel"))


@workflow.defn(name="sending")
class Sending:
    @workflow.init
    def __init__(self, sealed: Sealed) -> None:
        self.gate = ReviewGate(POLICY.gate)

    @workflow.run
    async def run(self, sealed: Sealed) -> Outcome:
        decided = await self.gate.decision(sealed, reseal=self.reseal)
        assert decided
        return await carry_out(POLICY, self.gate, *decided)

    async def reseal(self, revision: Revision) -> Sealed:
        raise NotImplementedError
