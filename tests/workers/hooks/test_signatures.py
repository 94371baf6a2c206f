"""What each service sends, signed as it says in its documentation, and everything that only looks like it."""

import base64
import hmac
import json
import time

import pytest

from workers.hooks.signatures import SIGNERS, Headers, Service

SECRET = "a-secret-of-one-hook"
STANDARD = "whsec_" + base64.b64encode(b"k" * 32).decode()
BODY = json.dumps({"action": "opened", "issue": {"number": 7}}).encode()


def mac(body: bytes, how: str = "sha256", key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, body, how).digest()


def standard(at: float) -> Headers:
    seconds = str(int(at))
    made = base64.b64encode(mac(f"msg_1.{seconds}.".encode() + BODY, key=b"k" * 32)).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": seconds, "webhook-signature": f"v1,bm9uZQ== v1,{made}"}


AT = "2026-11-28T10:00:00Z"
HEADERS: dict[Service, Headers] = {
    "github": {"x-hub-signature-256": f"sha256={mac(BODY).hex()}"},
    "gitlab": {"x-gitlab-token": SECRET},
    "jira": {"x-hub-signature": f"sha256={mac(BODY).hex()}"},
    "linear": {"linear-signature": mac(BODY).hex()},
    "zendesk": {
        "x-zendesk-webhook-signature": base64.b64encode(mac(AT.encode() + BODY)).decode(),
        "x-zendesk-webhook-signature-timestamp": AT,
    },
    "intercom": {"x-hub-signature": f"sha1={mac(BODY, 'sha1').hex()}"},
}


def headers_of(service: Service) -> Headers:
    return standard(time.time()) if service == "standard" else HEADERS[service]


def secret_of(service: Service) -> str:
    return STANDARD if service == "standard" else SECRET


@pytest.mark.parametrize("service", SIGNERS)
def test_its_own_signature_is_believed_and_no_other(service: Service) -> None:
    signed, headers = SIGNERS[service].signed, headers_of(service)
    other = "whsec_" + base64.b64encode(b"x" * 32).decode() if service == "standard" else "another-secret"
    assert signed(secret_of(service), headers, BODY)
    assert not signed(other, headers, BODY)
    assert not signed(secret_of(service), {}, BODY)
    assert not signed(secret_of(service), {name: "ü" + value for name, value in headers.items()}, BODY)
    if service != "gitlab":  # it sends the secret itself
        assert not signed(secret_of(service), headers, BODY + b" ")


def test_the_digest_of_a_body_is_the_documented_one() -> None:
    """The example in GitHub's documentation, "Testing the webhook payload validation"."""
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert SIGNERS["github"].signed("It's a Secret to Everybody", {"x-hub-signature-256": expected}, b"Hello, World!")


def test_an_old_delivery_of_the_standard_is_not_believed() -> None:
    assert not SIGNERS["standard"].signed(STANDARD, standard(time.time() - 301), BODY)
    assert not SIGNERS["standard"].signed(STANDARD, standard(time.time() + 302), BODY)


@pytest.mark.parametrize(
    ("service", "headers", "body", "event"),
    [
        ("github", {"x-github-event": "issues"}, {"action": "opened"}, "issues.opened"),
        ("github", {"x-github-event": "push"}, {}, "push"),
        ("gitlab", {}, {"object_kind": "issue", "object_attributes": {"action": "open"}}, "issue.open"),
        ("gitlab", {}, {"object_kind": "push", "object_attributes": []}, "push"),
        ("jira", {}, {"webhookEvent": "jira:issue_created"}, "jira:issue_created"),
        ("linear", {}, {"type": "Issue", "action": "create"}, "Issue.create"),
        ("zendesk", {}, {"type": "zen:event-type:ticket.created"}, "zen:event-type:ticket.created"),
        ("intercom", {}, {"topic": "conversation.user.created"}, "conversation.user.created"),
        ("standard", {}, {"type": {"no": "text"}}, ""),
    ],
)
def test_what_happened_is_named(service: Service, headers: Headers, body: dict[str, object], event: str) -> None:
    assert SIGNERS[service].event(headers, body) == event


@pytest.mark.parametrize("service", ["github", "jira"])
def test_sha1_is_intercoms_alone(service: Service) -> None:
    assert not SIGNERS[service].signed(SECRET, HEADERS["intercom"], BODY)
