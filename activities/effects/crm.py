"""The effects `crm.task` and `crm.field`: a task of a deal, and one field of it, in the system that the deals are from.

A task carries the effect's key in its last line, and is looked for by that. A field that says already what was signed
is done; one that says neither that nor what it was has been changed by somebody, and is left as it is.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import JsonValue, ValidationError

from activities.crm.outbox import Outbox
from activities.crm.protocol import Crm, Task
from activities.crm.reached import crm_at
from activities.effects.crm_params import FIELD, TASK, FieldParams, TaskParams, system, task_says
from activities.effects.kinds import EffectContext, Facts
from activities.faults import fault
from contracts.errors import BadInput, DestinationMoved
from contracts.gate import Touches
from contracts.proposal import Effect, Panel

Params = TypeVar("Params", TaskParams, FieldParams)


class MakeTask:
    """The kind `crm.task`. See `activities.effects.kinds.EffectKind`."""

    kind = TASK
    askable = True
    cancellable = False
    editable = ("subject", "due", "owner")

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return self.wanted(params).target

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        self.wanted(params)
        return Touches(audience="team")

    def wanted(self, params: Mapping[str, JsonValue]) -> TaskParams:
        return _read(TaskParams, params)

    def edited(
        self, effect: Effect, params: Mapping[str, JsonValue], panels: tuple[Panel, ...]
    ) -> tuple[Effect, tuple[Panel, ...]]:
        """For somebody else the id in the system isn't known: the task is then of whoever the deal is of."""
        wanted = self.wanted(params)
        if wanted.owner != effect.params.get("owner"):
            wanted = wanted.model_copy(update={"owner_id": ""})
        body: dict[str, Any] = wanted.model_dump(mode="json")
        return effect.model_copy(update={"params": body, "says": task_says(wanted)}), panels

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        wanted = self.wanted(params)
        crm = await _reached(wanted.target, context)
        found = await asyncio.to_thread(crm.task_of, wanted.deal, marker(context))
        return _task_facts(wanted, found) if found else None

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        wanted = self.wanted(params)
        crm = await _reached(wanted.target, context)
        task = Task(
            deal=wanted.deal,
            owner=wanted.owner,
            owner_id=wanted.owner_id,
            subject=wanted.subject,
            text=wanted.text,
            due=wanted.due,
            marker=marker(context),
        )
        made = await asyncio.to_thread(crm.make_task, task)
        fault("crm.after_change")
        return _task_facts(wanted, made)


class SetField:
    """The kind `crm.field`."""

    kind = FIELD
    askable = True
    cancellable = False

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return self.wanted(params).target

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        self.wanted(params)
        return Touches(audience="team")

    def wanted(self, params: Mapping[str, JsonValue]) -> FieldParams:
        return _read(FieldParams, params)

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        wanted = self.wanted(params)
        crm = await _reached(wanted.target, context)
        if isinstance(crm, Outbox):
            found = await asyncio.to_thread(crm.task_of, wanted.deal, marker(context))
            return _field_facts(wanted, found) if found else None
        now = await asyncio.to_thread(crm.field_of, wanted.deal, wanted.field)
        return _field_facts(wanted, system(wanted.target)) if now == wanted.value else None

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        wanted = self.wanted(params)
        crm = await _reached(wanted.target, context)
        if not isinstance(crm, Outbox):
            await asyncio.to_thread(_require_as_it_was, crm, wanted)
        made = await asyncio.to_thread(crm.set_field, wanted.deal, wanted.field, wanted.value, marker(context))
        fault("crm.after_change")
        return _field_facts(wanted, made)


def marker(context: EffectContext) -> str:
    """The line by which what an effect made is found again."""
    return f"Countersign: {context.key}"


async def _reached(target: str, context: EffectContext) -> Crm:
    return await asyncio.to_thread(crm_at, target, context.toolbox.services)


def _require_as_it_was(crm: Crm, wanted: FieldParams) -> None:
    now = crm.field_of(wanted.deal, wanted.field)
    if now not in (wanted.was, wanted.value):
        raise DestinationMoved(
            f"{wanted.field} of {wanted.deal_name!r} was changed since this was proposed.",
            subject=wanted.deal,
            way_out="Look at it there; the next run proposes anew.",
        )


def _read(model: type[Params], params: Mapping[str, JsonValue]) -> Params:
    try:
        return model.model_validate(params)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{where or 'It'} of this effect can't be: {first['msg']}.", subject=where) from None


def _task_facts(wanted: TaskParams, where: str) -> Facts:
    return {
        "says": f"{task_says(wanted)}: {where}",
        "where": where,
        "deal": wanted.deal,
        "owner": wanted.owner,
        "play": wanted.play,
    }


def _field_facts(wanted: FieldParams, where: str) -> Facts:
    return {"says": f"{wanted.field} of {wanted.deal_name} is set: {where}", "where": where, "deal": wanted.deal}
