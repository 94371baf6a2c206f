"""What became of a call that failed: it never started, it was refused, or nobody knows."""

from typing import Literal

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, TimeoutType, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    # Names of errors only.
    from contracts.errors import Interrupted, MachineGone

LOSSES = 8  # machines that may be lost in a row within one call

Fate = Literal["refused", "never started", "unknown"]


class CallInterrupted(ApplicationError):
    """The machine died while a call that changes files was in flight. `str()` of it is written for an agent.

    Caught, the run goes on with the files as of the last checkpoint. Not caught, it fails with these words.
    """

    def __init__(self, what: str, why: str) -> None:
        error = Interrupted(
            f"The machine was lost while {what} was in flight ({why}). Whether it finished is not known, "
            "and it was not run again.",
            subject=what,
            way_out="A new machine holds the files as they were before that call. Look at them, then decide "
            "whether to make the call again.",
        )
        super().__init__(str(error), error.problem(), type=error.name, non_retryable=True)


def fate(error: ActivityError) -> Fate:
    """What became of a call that failed. Whatever isn't known to have been harmless is unknown."""
    if is_cancelled_exception(error):
        raise error
    cause = error.cause
    if isinstance(cause, TimeoutError) and cause.type == TimeoutType.SCHEDULE_TO_START:
        return "never started"
    if isinstance(cause, ApplicationError):
        if cause.type == MachineGone.__name__:
            return "never started"
        if cause.non_retryable:
            return "refused"
    return "unknown"


def cause(error: ActivityError) -> BaseException:
    """The error as the activity named it."""
    return error.cause or error


def why(error: ActivityError) -> str:
    """In words, for whoever made the call."""
    cause = error.cause
    if isinstance(cause, TimeoutError) and cause.type == TimeoutType.HEARTBEAT:
        return "its worker gave no sign of life"
    if isinstance(cause, TimeoutError):
        return "its time was over, and its worker had not answered"
    return str(cause.message if isinstance(cause, ApplicationError) else cause).rstrip(".")


def too_many(summary: str) -> ApplicationError:
    """Every machine is lost at once: something is wrong with the hosts, and more of them would not help."""
    return ApplicationError(
        f"{LOSSES} machines in a row were lost before “{summary}” could be done. See the workers' logs.",
        type=MachineGone.__name__,
        non_retryable=True,
    )
