"""Stopping effects, letting them go on, and saying whether one happened: what administrators do from any page."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse
from temporalio.service import RPCError

from console import decide
from console.access import Administering
from console.deps import Console, Here, in_thread
from contracts.errors import TemporalUnavailable

router = APIRouter(include_in_schema=False)
Words = Annotated[str, Form(max_length=500)]


@router.post("/effects/stop")
def stop(here: Here, session: Administering, words: Words = "", csrf: str = Form("")) -> RedirectResponse:
    """Stop all effects. The health page then says what was in flight."""
    session.require_csrf(csrf)
    here.ledger.stop_effects(session.person.name, words)
    return RedirectResponse("/health", 303)


@router.post("/effects/start")
def start(here: Here, session: Administering, words: Words = "", csrf: str = Form("")) -> RedirectResponse:
    session.require_csrf(csrf)
    here.ledger.start_effects(session.person.name, words)
    return RedirectResponse("/health", 303)


@router.post("/effects/settle")
async def settle(
    here: Here,
    session: Administering,
    key: str = Form(),
    answer: Literal["happened", "did not"] = Form(),
    words: Words = "",
    csrf: str = Form(""),
) -> RedirectResponse:
    """A person's answer for an effect that nobody else can tell of."""
    session.require_csrf(csrf)
    call = here.ledger.settle_effect
    settled = await in_thread(call, key, happened=answer == "happened", person=session.person.name, words=words)
    await tell(here, settled.run, settled.key)
    return RedirectResponse("/health", 303)


async def tell(here: Console, run: str, key: str) -> None:
    """Let the run know at once. It looks by itself within the hour, so an absent server is no error."""
    try:
        client = await decide.connected(here)
        await client.get_workflow_handle(run).signal("settled", key)
    except (TemporalUnavailable, RPCError):
        return
