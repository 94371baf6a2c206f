"""The changelog behind stricter gates, for tests."""

from datetime import time, timedelta

from temporalio import workflow

from workflows.changelog import Changelog

with workflow.unsafe.imports_passed_through():
    from contracts.changelog import ChangelogRequest
    from contracts.policy import Escalation, Gate, GateRule, QuietHours
    from contracts.runs import Outcome


@workflow.defn(name="by_two", failure_exception_types=[ValueError, TypeError, LookupError])
class ByTwo(Changelog):
    """Two people, and neither is the one who started it."""

    policy = Changelog.policy.model_copy(
        update={
            "gate": Gate(
                rules=(
                    GateRule(
                        name="changelogs",
                        kinds=("git.*",),
                        paths=("CHANGELOG.md",),
                        roles=("reviewer",),
                        needs=2,
                        separate_from=("starter", "editor", "credentials"),
                    ),
                )
            )
        }
    )

    @workflow.init
    def __init__(self, request: ChangelogRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ChangelogRequest) -> Outcome:
        return await super().run(request)


@workflow.defn(name="unruled", failure_exception_types=[ValueError, TypeError, LookupError])
class Unruled(Changelog):
    """No rule is for what it does."""

    policy = Changelog.policy.model_copy(
        update={"gate": Gate(rules=(GateRule(name="docs", paths=("docs/**",), roles=("reviewer",)),))}
    )

    @workflow.init
    def __init__(self, request: ChangelogRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ChangelogRequest) -> Outcome:
        return await super().run(request)


@workflow.defn(name="escalating", failure_exception_types=[ValueError, TypeError, LookupError])
class Escalating(Changelog):
    """By a role that nobody of the tests has, until it is escalated; and nobody is disturbed at night."""

    policy = Changelog.policy.model_copy(
        update={
            "gate": Gate(
                role="release",
                remind_after=timedelta(days=2),
                escalate=(
                    Escalation(after=timedelta(days=5), roles=("lead",)),
                    Escalation(after=timedelta(days=10), roles=("administrator",), may_decide=True),
                ),
                quiet=QuietHours(start=time(18), end=time(8), time_zone="America/New_York"),
                expire_after=timedelta(days=21),
            )
        }
    )

    @workflow.init
    def __init__(self, request: ChangelogRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ChangelogRequest) -> Outcome:
        return await super().run(request)


@workflow.defn(name="hurried", failure_exception_types=[ValueError, TypeError, LookupError])
class Hurried(Changelog):
    """Two people, a reminder and an escalation within seconds: its history is recorded, and replayed."""

    policy = Changelog.policy.model_copy(
        update={
            "gate": Gate(
                rules=(GateRule(name="changelogs", roles=("reviewer",), needs=2, separate_from=("starter",)),),
                remind_after=timedelta(seconds=2),
                escalate=(Escalation(after=timedelta(seconds=4), roles=("lead",), may_decide=True),),
                expire_after=timedelta(hours=1),
            )
        }
    )

    @workflow.init
    def __init__(self, request: ChangelogRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ChangelogRequest) -> Outcome:
        return await super().run(request)
