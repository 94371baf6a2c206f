"""The changelog under a policy that gives a repository no time."""

from temporalio import workflow

from workflows.changelog import Changelog

with workflow.unsafe.imports_passed_through():
    from contracts.changelog import ChangelogRequest
    from contracts.policy import SandboxPolicy
    from contracts.runs import Outcome

QUEUE = "hasty"


@workflow.defn(name="hasty", failure_exception_types=[ValueError, TypeError, LookupError])
class Hasty(Changelog):
    """Everything else is the product's own."""

    policy = Changelog.policy.model_copy(update={"sandbox": SandboxPolicy(wall_seconds=0.001)})

    @workflow.init
    def __init__(self, request: ChangelogRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ChangelogRequest) -> Outcome:
        return await super().run(request)
