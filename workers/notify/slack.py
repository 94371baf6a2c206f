"""Slack, by its own client: `chat.postMessage` with a link to each thing, and no button that could decide one."""

import asyncio
import ssl
import uuid
from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from contracts.errors import NotSent, Undeliverable
from contracts.notify import Item, Message, line
from workers.notify.words import summary

SETTING = "COUNTERSIGN_NOTIFY_SLACK"
SECONDS = 20
# What Slack calls it where nothing can be sent to the address, ever.
GONE = {
    *("channel_not_found", "user_not_found", "is_archived", "user_disabled", "cannot_dm_bot"),
    *("not_in_channel", "messages_tab_disabled", "restricted_action", "invalid_blocks", "msg_too_long"),
}
# Where the operator has to change something first.
NOT_LET_IN = {
    *("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope"),
    *("no_permission", "access_denied", "org_login_required", "team_access_not_granted"),
}


class Slack:
    """Sends to a member, or to a conversation that the app is in."""

    def __init__(self, token: str, context: ssl.SSLContext, url: str = WebClient.BASE_URL) -> None:
        # No retry of its own: the outbox waits, and knows for how long.
        self.client = WebClient(token, base_url=url, timeout=SECONDS, ssl=context, retry_handlers=[])

    async def send(self, to: str, message: Message) -> None:
        await asyncio.to_thread(self._send, to, message)

    def _send(self, to: str, message: Message) -> None:
        try:
            self.client.chat_postMessage(channel=to, **posted(message))
        except SlackApiError as error:
            raise explained(error, to) from None  # its text holds the whole answer
        except (SlackClientError, OSError) as error:
            raise NotSent(f"Slack can't be reached: {line(str(error), 200)}.", subject="slack") from None


def posted(message: Message) -> dict[str, Any]:
    """What is posted. `text` is for notifications and screen readers."""
    blocks = [_text(f"Hello {escaped(message.greeting)}, {_things(message)}:"), *map(_block, message.items)]
    if message.more:
        blocks.append(_text(f"And {message.more} more."))
    links = f"<{message.inbox}|Open the inbox> · <{message.preferences}|How you are told>"
    blocks.append(_text(f"{links}\nNothing happens until somebody signs it there."))
    return {
        "text": escaped(message.subject),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
        "client_msg_id": str(uuid.UUID(message.id)),
        "metadata": {"event_type": "countersign_message", "event_payload": {"id": message.id}},
    }


def escaped(text: str) -> str:
    """Text in which Slack finds no mention, link or entity; and no markup either, as far as it has a say in that."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def explained(error: SlackApiError, to: str) -> NotSent | Undeliverable:
    """Slack's error as ours, with Slack's own name for it."""
    response: Any = error.response
    said = response.data.get("error", "") if isinstance(response.data, Mapping) else ""
    name = line(str(said or f"HTTP {response.status_code}"), 80)
    if response.status_code == 429 or name == "ratelimited":
        return NotSent("Slack asks for patience: ratelimited.", subject="slack", retry_after=_retry_after(response))
    if name in GONE:
        return Undeliverable(f"Slack can't tell {to}: {name}.", subject=to)
    if name in NOT_LET_IN:
        return NotSent(
            f"Slack does not let us in: {name}.",
            subject="slack",
            way_out=f"Correct the token that {SETTING} names; the app needs the scope chat:write.",
        )
    return NotSent(f"Slack could not take it: {name}.", subject="slack", retry_after=_retry_after(response))


def _retry_after(response: Any) -> float | None:
    found = {str(name).lower(): str(value) for name, value in (response.headers or {}).items()}
    after = found.get("retry-after", "")
    return float(after) if after.isascii() and after.isdigit() and len(after) < 8 else None


def _things(message: Message) -> str:
    count = len(message.items) + message.more
    return "this is for you" if count == 1 else f"{count} things are for you"


def _block(item: Item) -> dict[str, Any]:
    workflow = f" · {escaped(item.workflow)}" if item.workflow else ""
    told = (f"_{item.why}_{workflow}", f"<{item.link}|{_label(item.title)}>", escaped(summary(item)))
    return _text("\n".join(filter(None, told)))


def _label(title: str) -> str:
    """A link's label ends at `>`, which is escaped, and begins at the first `|`."""
    return escaped(title).replace("|", "¦") or "Open it"


def _text(text: str) -> dict[str, Any]:
    """`verbatim`: Slack looks for no links, channels and people in it."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
