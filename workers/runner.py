"""The sandbox that workflows run in, and what the SDK may know without going into it.

The SDK asks a workflow three or four times for each of its payloads on whose behalf that is converted and kept, and
enters the sandbox for each answer: four tenths of the time that a replay takes. Our converter makes no use of the
answer, and where a payload is kept is known outside.
"""

from typing import Any

from temporalio.api.enums.v1 import CommandType
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext, StorageDriverWorkflowInfo
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

# Passed through the workflow sandbox: types and pure functions without state, made once and shared.
# `rfc8785` is pure; `cryptography` holds native code that can't be loaded twice and is never called by a workflow.
PASSED_THROUGH = ("contracts", "pydantic", "pydantic_core", "annotated_types", "rfc8785", "cryptography")


def runner(*more: str) -> "Runner":
    """What every worker and every replay of ours runs workflows by. `more`: modules that are passed through, too."""
    return Runner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH, *more))


class Runner(SandboxedWorkflowRunner):
    """The SDK's sandbox, for a data converter none of whose parts takes a serialization context."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Instance(super().create_instance(det), det.info)


class _Instance(WorkflowInstance):
    """A workflow in its sandbox, entered to run it and not to be asked who it is."""

    def __init__(self, inside: WorkflowInstance, info: Info) -> None:
        self._inside = inside
        target = StorageDriverWorkflowInfo(
            id=info.workflow_id, run_id=info.run_id, type=info.workflow_type, namespace=info.namespace
        )
        self._own = StorageDriverStoreContext(target=target)

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._inside.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        """None: nothing of ours is converted in another way for another workflow."""
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        """Where the SDK keeps it: what is an activity's, and what is nobody else's, with the workflow itself."""
        if command_info is None or command_info.command_type == CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK:
            return self._own
        return self._inside.get_external_store_context(command_info)

    def get_info(self) -> Info:
        return self._inside.get_info()

    def get_thread_id(self) -> int | None:
        return self._inside.get_thread_id()
