"""The effect `run.start`: a run of another workflow, which one proposed and a person signed.

The run's id is made of the effect's key, so a second attempt finds the first. What the run then proposes waits for a
signature of its own: starting it allows it nothing else.
"""

import hashlib
from collections.abc import Mapping

from pydantic import Field, JsonValue, ValidationError

from activities.effects.git_params import one_line
from activities.effects.kinds import EffectContext, Facts
from activities.faults import fault
from activities.starting import Starter
from contracts.base import Contract
from contracts.digests import canonical_json
from contracts.errors import BadInput
from contracts.gate import Touches
from contracts.proposal import Effect
from contracts.requirements import StartedBy

START = "run.start"


class StartParams(Contract):
    """`workflow` with `request`, its own input. `subject` is for people."""

    workflow: str = Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")
    request: dict[str, JsonValue]
    subject: str = Field(max_length=300)


def start_effect(run: str, revision: int, workflow: str, request: Mapping[str, JsonValue], subject: str) -> Effect:
    """The effect. Its key depends on run, revision, workflow and request."""
    params = StartParams(workflow=workflow, request=dict(request), subject=one_line(subject)[:300])
    unique = hashlib.sha256(canonical_json([run, revision, params.model_dump(mode="json")])).hexdigest()
    return Effect(
        kind=START,
        key=f"{START}/{unique[:40]}",
        says=f"start {workflow} on {params.subject}",
        params=params.model_dump(mode="json"),
    )


class StartRun:
    """The kind. See `activities.effects.kinds.EffectKind`."""

    kind = START
    askable = True
    cancellable = True

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return _wanted(params).workflow

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        return Touches()

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        wanted, run = _wanted(params), run_id(params, context)
        return _facts(wanted, run) if await _starter(context).known(run) else None

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        wanted, run = _wanted(params), run_id(params, context)
        by = StartedBy(kind="person", name=context.person.name)
        await _starter(context).start(wanted.workflow, wanted.request, run, by)
        fault("run.after_start")
        return _facts(wanted, run)


def run_id(params: Mapping[str, JsonValue], context: EffectContext) -> str:
    """The same at each attempt."""
    return f"{_wanted(params).workflow}-{hashlib.sha256(context.key.encode()).hexdigest()[:12]}"


def _wanted(params: Mapping[str, JsonValue]) -> StartParams:
    try:
        return StartParams.model_validate(params)
    except ValidationError as error:
        raise BadInput(f"This starts no run: {error.errors()[0]['msg']}.", subject=START) from error


def _starter(context: EffectContext) -> Starter:
    starter = context.toolbox.starter
    if starter is None:
        raise BadInput("This process starts no runs.", subject=START, way_out="Carry it out in the effects' worker.")
    return starter


def _facts(wanted: StartParams, run: str) -> Facts:
    return {"says": f"Started {run} on {wanted.subject}", "run": run, "workflow": wanted.workflow}
