"""Calls of the platform's own: they test, search, prove, or take something back.

Unlike a command that an agent wants, such a call may be made again where its machine died: it begins with the work as
it was before, and what it came to is told once. That it was made again is in the run's log.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow

from workflows.losses import LOSSES, CallInterrupted, too_many
from workflows.steps import step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.runs import Note
    from contracts.steps import NOTE

Out = TypeVar("Out")


async def again(call: Callable[[], Awaitable[Out]], what: str) -> Out:
    """What `call` gives, made again on the next machine as often as one is lost, eight times at most."""
    for _ in range(LOSSES):
        try:
            return await call()
        except CallInterrupted:
            says = f"Its machine was lost, and it is made again with the work as it was before: {what}"
            note = Note(run=workflow.info().workflow_id, name="machine.again", says=says)
            await step(NOTE, note, summary=says)
    raise too_many(what)
