"""Webhooks by the Standard Webhooks specification (standardwebhooks.com): an id, a time, and an HMAC over both and the
body. Only hosts that the operator names are asked, at addresses that were checked, and no redirect is followed."""

import base64
import binascii
import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from activities.services.web import Reply, patience
from contracts.errors import BadInput, NotSent, Undeliverable
from contracts.notify import Message, line
from sandboxes.egress.addresses import Resolve, checked, resolve
from sandboxes.egress.operator import Place
from sandboxes.egress.words import Denied

SETTING = "COUNTERSIGN_NOTIFY_WEBHOOKS"
TIMEOUT = httpx.Timeout(20.0, connect=10.0)
TYPE = "countersign.told"


@dataclass(frozen=True)
class Webhook:
    """`secrets`: by host and port, the bytes that messages there are signed with. `private`: hosts whose addresses may
    be private."""

    secrets: Mapping[Place, bytes] = field(repr=False)
    context: ssl.SSLContext
    private: frozenset[Place] = frozenset()
    ask: Resolve = resolve

    async def send(self, to: str, message: Message) -> None:
        place = self._place(to)
        address = await self._address(place)
        body = payload(message)
        headers = signed(self.secrets[place], message.id, message.made_at, body)
        try:
            async with httpx.AsyncClient(
                verify=self.context, timeout=TIMEOUT, follow_redirects=False, trust_env=False
            ) as client:
                request = client.build_request("POST", _at(to, address), content=body, headers=headers)
                request.headers["host"] = urlsplit(to).netloc
                request.extensions["sni_hostname"] = place[0]
                response = await client.send(request, stream=True)  # what it says is not read: it may be endless
                await response.aclose()
        except (httpx.HTTPError, OSError) as error:
            why = line(str(error), 200) or type(error).__name__
            raise NotSent(f"The webhook at {place[0]} can't be reached: {why}.", subject=place[0]) from None
        _check(response, place[0])

    def _place(self, url: str) -> Place:
        parts = urlsplit(url)
        place = ((parts.hostname or "").lower(), parts.port or 443)
        if parts.scheme != "https" or parts.username is not None or place not in self.secrets:
            raise Undeliverable(
                f"No webhook may be sent to {place[0] or url!r}: the operator has not named it.",
                subject=place[0],
                way_out=f"The operator can: {SETTING}={place[0]}=NAME, where NAME is a variable with the secret.",
            )
        return place

    async def _address(self, place: Place) -> str:
        try:
            return (await checked(*place, self.private, self.ask))[0]
        except Denied as error:
            raise NotSent(f"The webhook at {place[0]} is not asked: {error}.", subject=place[0]) from None


def payload(message: Message) -> bytes:
    """The body: no more than what mail has."""
    items = [each.model_dump(mode="json") | {"why": each.why} for each in message.items]
    data = {"person": message.person, "subject": message.subject, "items": items, "more": message.more}
    told = {"type": TYPE, "timestamp": message.made_at.isoformat(), "data": data | {"inbox": message.inbox}}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def signed(secret: bytes, number: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of the specification. The id stays the same when it is sent again."""
    name, seconds = f"msg_{number}", str(int(at.timestamp()))
    made = hmac.new(secret, f"{name}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "countersign",
        "webhook-id": name,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(made).decode()}",
    }


def key(text: str, name: str) -> bytes:
    """The secret's bytes. BadInput for what is no `whsec_` and 24 to 64 bytes in base64."""
    try:
        found = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not text.startswith("whsec_") or not 24 <= len(found) <= 64:
        raise BadInput(
            f"{name} is no secret of a webhook.",
            subject=name,
            way_out="It is whsec_ and 24 to 64 random bytes in base64, such as `openssl rand -base64 32` prints.",
        )
    return found


def _at(url: str, address: str) -> str:
    """The URL with the address that was checked in place of the name."""
    parts = urlsplit(url)
    host = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=f"{host}:{parts.port or 443}").geturl()


def _check(response: httpx.Response, host: str) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    if status == 410:
        raise Undeliverable(f"The webhook at {host} is gone: 410.", subject=host)
    headers = {name.lower(): value for name, value in response.headers.items()}
    what = f"redirects ({status}), which is not followed" if 300 <= status < 400 else f"answers {status}"
    raise NotSent(f"The webhook at {host} {what}.", subject=host, retry_after=patience(Reply(status, headers, b"")))
