"""What became of a call whose worker died: the ledger knows of those that ended before."""

import asyncio

from pydantic_core import from_json
from temporalio import activity

from activities.toolbox import Toolbox
from contracts.machine import Recall, Recalled
from contracts.steps import RECALL


class Recalling:
    """Answered by any worker: the ledger and the artifacts are shared by all."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tools = toolbox

    @activity.defn(name=RECALL.name)
    async def recall(self, request: Recall) -> Recalled:
        """The result of an activity of this run, where its entry says that it ended well."""
        return await asyncio.to_thread(self._recall, f"{activity.info().workflow_run_id}/{request.activity_id}")

    def _recall(self, activity_of_run: str) -> Recalled:
        entry = self._tools.ledger.entry(f"activity/{activity_of_run}/1")
        journal = entry.facts.get("journal") if entry is not None and entry.outcome == "ok" else None
        if entry is None or not isinstance(journal, str):
            return Recalled(found=False, says="Nobody knows how far the call came")
        result = from_json(self._tools.artifacts.get(journal))
        result |= {"checkpoint": entry.facts.get("checkpoint", ""), "journal": journal}
        return Recalled(found=True, result=result, says=f"It had ended: {entry.says}")
