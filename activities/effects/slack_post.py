"""The effect `slack.post`: one message to a member or a channel, by Slack's own client.

The message carries the effect's key as metadata. "Did it happen already?" reads the conversation back to when it was
signed; where the app may not read it, nobody can tell, and a person is asked after a crash.
"""

import asyncio
import ssl
import uuid
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue, ValidationError

from activities.crm import guard
from activities.effects.kinds import EffectContext, Facts
from activities.faults import fault
from activities.services.service import Service
from contracts import shown
from contracts.base import Contract
from contracts.digests import canonical_json, tagged_digest
from contracts.errors import AccessRefused, BadInput, CountersignError, DestinationMoved, ServiceBusy, Unaskable
from contracts.gate import Touches
from contracts.proposal import Effect

if TYPE_CHECKING:
    from slack_sdk import WebClient

POST = "slack.post"
EVENT = "countersign_effect"
SECONDS, PAGE, MOST_PAGES = 30, 200, 20
SKEW = 300  # seconds that Slack's clock may be behind
MOST_LINES, MOST_CHARS = 40, 2_900  # of a section, which Slack bounds to 3,000
GONE = {
    *("channel_not_found", "user_not_found", "is_archived", "user_disabled", "cannot_dm_bot", "not_in_channel"),
    *("messages_tab_disabled", "restricted_action", "invalid_blocks", "msg_too_long", "users_not_found"),
}
CANT_READ = {"missing_scope", "not_in_channel", "no_permission", "channel_not_found"}


class PostParams(Contract):
    """A message: a heading, and lines below it. `to`: the id of a member or a channel."""

    place: str = Field(default="slack.com", description="the host of Slack's API")
    to: str = Field(pattern=r"^(#?[a-z0-9._-]{1,80}|[UWCGD][A-Z0-9]{2,20})$")
    whom: str = Field(max_length=100, description="who that is, in words")
    heading: str = Field(min_length=1, max_length=200)
    lines: tuple[str, ...] = Field(max_length=MOST_LINES)
    about: tuple[str, ...] = Field(
        default=(), description="for each line the deal whose task it tells of, or nothing; empty: of none"
    )


def post_effect(run: str, revision: int, params: PostParams) -> Effect:
    """The effect. Its key depends on the run, the revision and all of it."""
    body: dict[str, Any] = params.model_dump(mode="json")
    unique = tagged_digest(POST, canonical_json([run, revision, body])).rpartition(":")[2]
    return Effect(kind=POST, key=f"{POST}/{unique[:40]}", says=post_says(params), params=body)


def post_says(params: PostParams) -> str:
    count = "1 line" if len(params.lines) == 1 else f"{len(params.lines)} lines"
    what = "what of it is signed" if any(params.about) else count
    return f"Tell {shown.spelt(params.whom)} in Slack ({params.to}): {shown.spelt(params.heading)}, {what}"


class PostToSlack:
    """The kind. See `activities.effects.kinds.EffectKind`."""

    kind = POST
    askable = True
    cancellable = False

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return f"slack://{self.wanted(params).to}"

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        return Touches(audience="organisation" if self.wanted(params).to[:1] in "C#" else "team")

    def wanted(self, params: Mapping[str, JsonValue]) -> PostParams:
        try:
            return PostParams.model_validate(params)
        except ValidationError as error:
            raise BadInput(f"This message can't be: {error.errors()[0]['msg']}.", subject=POST) from None

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        return await asyncio.to_thread(self._ask, self.wanted(params), context)

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        return await asyncio.to_thread(self._act, self.wanted(params), context)

    def _ask(self, wanted: PostParams, context: EffectContext) -> Facts | None:
        service, client = _client(wanted, context)
        if not _may_have_begun(context):
            return None
        try:
            for message in _messages(service, client, wanted, context):
                if _key_of(message) == context.key:
                    return _facts(wanted, str(message.get("ts", "")))
        except _CannotRead as refused:
            what = f"{service.name} does not let us read whether the message is there: {refused}."
            raise Unaskable(what, subject=context.key) from None
        return None

    def _act(self, wanted: PostParams, context: EffectContext) -> Facts:
        service, client = _client(wanted, context)
        wanted = as_signed(wanted, context)
        said = _called(
            service,
            lambda: client.chat_postMessage(
                channel=wanted.to,
                text=escaped(wanted.heading),
                blocks=blocks(wanted),
                unfurl_links=False,
                unfurl_media=False,
                client_msg_id=str(uuid.uuid5(uuid.NAMESPACE_URL, context.key)),
                metadata={"event_type": EVENT, "event_payload": {"key": context.key}},
            ),
        )
        fault("slack.after_post")
        return _facts(wanted, str(said.get("ts", "")))


def as_signed(wanted: PostParams, context: EffectContext) -> PostParams:
    """The message without lines of tasks that a reviewer took out, and with the words of those that one changed."""
    if not any(wanted.about):
        return wanted
    proposal = context.toolbox.ledger.proposal(context.digest)
    tasks = {str(each.params.get("deal")): each.params for each in proposal.effects if each.kind == "crm.task"}
    kept = list[str]()
    for line, deal in zip_longest(wanted.lines, wanted.about, fillvalue=""):
        task = tasks.get(deal)
        if not deal:
            kept.append(line)
        elif task is not None:
            kept.append(f"{task.get('subject')} (due {task.get('due')}, {task.get('owner')})")
    return wanted.model_copy(update={"lines": tuple(kept or ["Nothing of it was signed."]), "about": ()})


class _CannotRead(Exception):
    """The app has no scope to read the conversation."""


def blocks(wanted: PostParams) -> list[dict[str, Any]]:
    """Text in which Slack finds no mention and no link, in sections that are not too long for it."""
    sections, part = list[str](), ""
    for line in wanted.lines:
        told = f"• {escaped(shown.spelt(' '.join(line.split())))[:MOST_CHARS]}"
        if part and len(part) + len(told) > MOST_CHARS:
            sections.append(part)
            part = ""
        part = f"{part}\n{told}" if part else told
    texts = [f"*{escaped(wanted.heading).replace('*', '∗')}*", *sections, *([part] if part else [])]
    return [{"type": "section", "text": {"type": "mrkdwn", "text": each, "verbatim": True}} for each in texts]


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _client(wanted: PostParams, context: EffectContext) -> "tuple[Service, WebClient]":
    """Slack, with this worker's token. BadInput, AccessRefused."""
    from slack_sdk import WebClient

    services = context.toolbox.services
    service = next((each for each in services.of("slack") if each.place == wanted.place), None)
    if service is None:
        raise BadInput(
            f"{wanted.place!r} is no Slack of the settings.",
            subject=wanted.place,
            way_out="Name its host in COUNTERSIGN_SLACK where the worker is started.",
        )
    secret = service.secret()
    if not secret:
        raise AccessRefused(f"Nothing lets us post to {service.name}.", subject=wanted.place, way_out=service.way_in)
    trusted = ssl.create_default_context()
    if services.authorities:
        trusted.load_verify_locations(cafile=str(services.authorities))
    client = WebClient(secret, base_url=f"{service.web}/api/", timeout=SECONDS, ssl=trusted, retry_handlers=[])
    return service, client


def _may_have_begun(context: EffectContext) -> bool:
    """Whether an attempt may have posted it. One that never began did not, and need not be looked for."""
    record = context.toolbox.ledger.effect(context.key)
    return record is not None and record.state not in ("intent", "held")


def _messages(service: Service, client: Any, wanted: PostParams, context: EffectContext) -> Iterator[Mapping[str, Any]]:
    """What is in the conversation since it was signed, newest first."""
    channel = _conversation(service, client, wanted.to)
    oldest = str(context.decision.statement.decided_at.timestamp() - SKEW)
    cursor = ""
    for _ in range(MOST_PAGES):
        said = _called(
            service,
            lambda cursor=cursor: client.conversations_history(
                channel=channel, oldest=oldest, limit=PAGE, cursor=cursor or None, include_all_metadata=True
            ),
            reading=True,
        )
        found = said.get("messages")
        if not isinstance(found, list):
            raise guard.strange(service, "messages")
        yield from (each for each in found if isinstance(each, Mapping))
        following = said.get("response_metadata")
        cursor = str(following.get("next_cursor") or "") if isinstance(following, Mapping) else ""
        if not cursor:
            return
    raise _CannotRead(f"over {PAGE * MOST_PAGES:,} messages since then")


def _conversation(service: Service, client: Any, to: str) -> str:
    """The conversation that a message to a member is in."""
    if to[:1] not in "UW":
        return to
    said = _called(service, lambda: client.conversations_open(users=to), reading=True)
    channel = said.get("channel")
    if not isinstance(channel, Mapping) or not channel.get("id"):
        raise guard.strange(service, "the conversation")
    return str(channel["id"])


def _called(service: Service, call: Any, *, reading: bool = False) -> Mapping[str, Any]:
    """Slack's answer; its errors as ours."""
    from slack_sdk.errors import SlackApiError, SlackClientError

    try:
        data = call().data
    except SlackApiError as error:
        raise _as_ours(service, error.response, reading) from None
    except (SlackClientError, OSError) as error:
        raise guard.unreachable(service, error) from None
    if not isinstance(data, Mapping):
        raise guard.strange(service, "what its API promises")
    return data


def _as_ours(service: Service, response: Any, reading: bool) -> Exception:
    data = response.data if isinstance(response.data, Mapping) else {}
    name = guard.quoted(service, data.get("error") or f"HTTP {response.status_code}")[:80]
    headers = {str(key).lower(): str(value) for key, value in (response.headers or {}).items()}
    if response.status_code == 429 or name == "ratelimited":
        after = headers.get("retry-after", "")
        seconds = float(after) if after.isascii() and after.isdigit() and len(after) < 6 else None
        return ServiceBusy(f"{service.name} asks for patience.", subject=service.place, retry_after=seconds)
    if reading and name in CANT_READ:
        return _CannotRead(name)
    if name in GONE:
        what = f"{service.name} can't take the message: {name}."
        return DestinationMoved(what, subject=service.place, way_out="Correct the id under `slack` in the methodology.")
    if response.status_code >= 500 or name in ("internal_error", "fatal_error", "service_unavailable"):
        return ServiceBusy(f"{service.name} has a trouble of its own: {name}.", subject=service.place)
    if not data.get("error"):
        found: CountersignError = guard.strange(service, "what its API promises")
        return found
    return guard.refused(service, name)


def _key_of(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, Mapping) else None
    is_ours = isinstance(metadata, Mapping) and metadata.get("event_type") == EVENT and isinstance(payload, Mapping)
    return str(payload.get("key", "")) if is_ours and isinstance(payload, Mapping) else ""


def _facts(wanted: PostParams, at: str) -> Facts:
    return {"says": f"{wanted.whom} was told in Slack", "to": wanted.to, "ts": at}
