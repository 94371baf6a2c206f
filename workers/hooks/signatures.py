"""How each service signs what it delivers, and how it names what happened.

A delivery is believed only where its signature over the very bytes is right. Sources: each service's own documentation
of webhooks, named beside its function. Comparisons take the same time whatever differs.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workers.notify.webhook import key

Headers = Mapping[str, str]  # names in lower case
Service = Literal["github", "gitlab", "jira", "linear", "zendesk", "intercom", "standard"]
LATE = 300  # seconds that a signed time may differ from ours


@dataclass(frozen=True)
class Signer:
    """`signed`: whether the bytes carry that secret's signature. `event`: what happened, such as `issues.opened`."""

    signed: Callable[[str, Headers, bytes], bool]
    event: Callable[[Headers, Mapping[str, Any]], str]


def digest(secret: str, body: bytes, how: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), body, how).digest()


def same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def recent(seconds: str) -> bool:
    """Whether a signed time is about now."""
    try:
        return abs(time.time() - float(seconds)) <= LATE
    except (ValueError, OverflowError):
        return False


def joined(*parts: object) -> str:
    return ".".join(part for part in parts if isinstance(part, str) and part)


def _inner(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


# docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
def _github(secret: str, headers: Headers, body: bytes) -> bool:
    return same(headers.get("x-hub-signature-256", ""), f"sha256={digest(secret, body).hex()}")


# docs.gitlab.com/user/project/integrations/webhooks: the secret itself comes along
def _gitlab(secret: str, headers: Headers, _body: bytes) -> bool:
    return same(headers.get("x-gitlab-token", ""), secret)


# developer.atlassian.com/cloud/jira/platform/webhooks, "Secure admin webhooks"
def _jira(secret: str, headers: Headers, body: bytes) -> bool:
    return same(headers.get("x-hub-signature", ""), f"sha256={digest(secret, body).hex()}")


# linear.app/developers/webhooks
def _linear(secret: str, headers: Headers, body: bytes) -> bool:
    return same(headers.get("linear-signature", ""), digest(secret, body).hex())


# developer.zendesk.com/documentation/webhooks/verifying
def _zendesk(secret: str, headers: Headers, body: bytes) -> bool:
    told = headers.get("x-zendesk-webhook-signature-timestamp", "")
    made = base64.b64encode(digest(secret, told.encode() + body)).decode()
    return same(headers.get("x-zendesk-webhook-signature", ""), made)


# developers.intercom.com/docs/webhooks/webhook-notifications: SHA-1 is what it offers; as an HMAC it holds
def _intercom(secret: str, headers: Headers, body: bytes) -> bool:
    return same(headers.get("x-hub-signature", ""), f"sha1={digest(secret, body, 'sha1').hex()}")


# standardwebhooks.com: several signatures may come along while a secret is being changed
def _standard(secret: str, headers: Headers, body: bytes) -> bool:
    number, told = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    made = hmac.new(key(secret, "the webhook's secret"), f"{number}.{told}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(made).decode()}"
    signatures = headers.get("webhook-signature", "").split(" ")
    return recent(told) and any(same(each, expected) for each in signatures[:10])


SIGNERS: dict[Service, Signer] = {
    "github": Signer(_github, lambda headers, body: joined(headers.get("x-github-event"), body.get("action"))),
    "gitlab": Signer(
        _gitlab, lambda _, body: joined(body.get("object_kind"), _inner(body, "object_attributes").get("action"))
    ),
    "jira": Signer(_jira, lambda _, body: joined(body.get("webhookEvent"))),
    "linear": Signer(_linear, lambda _, body: joined(body.get("type"), body.get("action"))),
    "zendesk": Signer(_zendesk, lambda _, body: joined(body.get("type"))),
    "intercom": Signer(_intercom, lambda _, body: joined(body.get("topic"))),
    "standard": Signer(_standard, lambda _, body: joined(body.get("type"))),
}
