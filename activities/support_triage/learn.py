"""The step `support.learn`: bring the model up to date."""

import asyncio

from temporalio import activity

from activities.progress import progress
from activities.support_triage.material import read
from activities.toolbox import Toolbox
from contracts.steps import SUPPORT_LEARN
from contracts.support import LearnRequest, Learnt


class SupportLearning:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.tools = toolbox

    @activity.defn(name=SUPPORT_LEARN.name)
    async def learn(self, request: LearnRequest) -> Learnt:
        """Read on in the history, and make the model. What can't be learnt from is no error: it is said."""
        async with progress("reading the history") as told:
            found = await read(self.tools, request, told)
            if found.desk is None:
                return Learnt(says=found.says, notes=found.journal.notes)
            model = await asyncio.to_thread(self.tools.artifacts.put_model, found.material)
            certified = found.desk.triager.certified
            return Learnt(
                model=model,
                serves=certified.serves,
                examples=certified.rows,
                says=found.says,
                notes=found.journal.notes,
            )
