"""One effect, handed to the process that carries effects out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.steps import step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.runs import CarryOut, Done
    from contracts.steps import CARRY_OUT

LOOK_AGAIN = timedelta(hours=1)  # whether a person has settled it, in case that the signal did not come


async def carried_out(request: CarryOut, asking: Callable[[str], None], *, summary: str) -> Done:
    """One effect. Where nobody knows whether it happened, the run parks until a person has said so: `settled` is the
    signal by which it hears of it at once; `asking` is told what to show meanwhile."""
    settled = set[str]()

    def heard(key: Any = None, _more: Any = None) -> None:  # anybody may send anything: it is only a reason to look
        settled.update({request.effect} if key == request.effect else ())

    workflow.set_signal_handler("settled", heard)
    while True:
        try:
            return await step(CARRY_OUT, request, summary=summary)
        except ActivityError as error:
            doubt = error.cause
            if not isinstance(doubt, ApplicationError) or doubt.type != "Unaskable":
                raise
            asking(f"Did it happen? {doubt.message}")
        try:
            await workflow.wait_condition(lambda: bool(settled), timeout=LOOK_AGAIN)
        except TimeoutError:
            continue
        settled.clear()
