"""The effect `ticket.update`: queue, intent, priority, tags and an internal note of one ticket; never an answer sent.

Where it happens, `activities/support_triage/writing` knows: each writer leaves a mark made of the effect's key in the
same act, so that "did it happen already?" has an answer.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pydantic import JsonValue

from activities.effects.kinds import EffectContext, Facts
from activities.effects.ticket_params import UPDATE, TicketParams, is_shown, retold, says, ticket_params
from activities.support_triage.sources.opening import place
from activities.support_triage.writing.protocol import Signed, Writer
from contracts.errors import AccessRefused, NotSigned
from contracts.gate import Touches
from contracts.proposal import Effect, Panel


class UpdateTicket:
    """The kind. See `activities.effects.kinds.EditableKind`."""

    kind = UPDATE
    askable = True
    cancellable = False
    editable = ("queue", "intent", "priority", "answer")

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return f"{params.get('source')}#{params.get('ticket')}"

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        """The queue as a folder: a rule for `Billing/**` fits what goes there."""
        wanted = ticket_params(params)
        return Touches(paths=(f"{wanted.queue or 'no queue'}/{wanted.ticket}",))

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        async with self._writer(params, context) as (writer, signed):
            return self._facts(signed) if await writer.happened(signed) else None

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        async with self._writer(params, context) as (writer, signed):
            await writer.write(signed)
            return self._facts(signed)

    def edited(
        self, effect: Effect, params: Mapping[str, JsonValue], panels: tuple[Panel, ...]
    ) -> tuple[Effect, tuple[Panel, ...]]:
        before, after = ticket_params(effect.params), ticket_params(params)
        changed = effect.model_copy(update={"says": says(after), "params": after.model_dump(mode="json")})
        return changed, retold(panels, before, after)

    @asynccontextmanager
    async def _writer(
        self, params: Mapping[str, JsonValue], context: EffectContext
    ) -> AsyncIterator[tuple[Writer, Signed]]:
        wanted = ticket_params(params)
        _require_shown(wanted, context)
        signed = Signed(wanted, context.key, context.run, context.digest, context.person.display_name)
        async with writing(wanted.source, context) as writer:
            yield writer, signed

    def _facts(self, signed: Signed) -> Facts:
        wanted = signed.params
        return {
            "says": f"{says(wanted)}: done",
            "ticket": wanted.ticket,
            "source": wanted.source,
            "queue": wanted.queue,
        }


@asynccontextmanager
async def writing(source: str, context: EffectContext) -> AsyncIterator[Writer]:
    """What writes to a source. AccessRefused without a credential that may."""
    services = context.toolbox.services
    at = place(source, services)
    if at is None:
        from activities.support_triage.writing.files import FileWriter

        yield FileWriter(source)
        return
    if at.service.credential is None:
        raise AccessRefused(
            f"Nothing lets this process change tickets at {at.service.place}.",
            subject=source,
            way_out=at.service.way_in,
        )
    if at.service.kind == "imap":
        from activities.support_triage.mailbox import connected
        from activities.support_triage.writing.imap import ImapWriter

        async with connected(at.service, services.authorities) as mailbox:
            yield ImapWriter(mailbox, at.folder)
        return
    from activities.services.web import reached
    from activities.support_triage.writing.intercom import IntercomWriter
    from activities.support_triage.writing.zendesk import ZendeskWriter

    async with reached(at.service, services.authorities) as web:
        yield ZendeskWriter(web) if at.service.kind == "zendesk" else IntercomWriter(web)


def _require_shown(wanted: TicketParams, context: EffectContext) -> None:
    """What the person read is what happens. See `git_commit`'s check of the diffs."""
    if not is_shown(wanted, context.toolbox.ledger.proposal(context.digest).panels):
        raise NotSigned(
            f"What was shown of ticket {wanted.ticket!r} is not what would happen.",
            subject=wanted.ticket,
            way_out="Sign nothing more of this workflow until you know who wrote the proposal.",
        )
