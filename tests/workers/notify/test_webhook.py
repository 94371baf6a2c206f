"""Webhooks, against a real host with TLS: what is signed, and what is not asked."""

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.errors import BadInput, CountersignError, NotSent, Undeliverable
from tests.support.tls_host import Answer, Host, authority, serving
from tests.workers.notify.test_smtp import message
from workers.notify import webhook
from workers.notify.setting_up import channels, named, secrets
from workers.notify.webhook import Webhook
from workers.settings import Settings

SECRET = b"s" * 32


async def local(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return authority(tmp_path_factory.mktemp("tls"), ["hooks.example.com"])


@pytest_asyncio.fixture
async def host(files: tuple[Path, Path]) -> AsyncIterator[Host]:
    made = Host()
    async with serving(made.serve, files[1]) as made.port:
        yield made


@pytest.fixture
def sends(host: Host, files: tuple[Path, Path]) -> Webhook:
    place = ("hooks.example.com", host.port)
    context = ssl.create_default_context(cafile=str(files[0]))
    return Webhook({place: SECRET}, context, frozenset({place}), local)


def url(host: Host) -> str:
    return f"https://hooks.example.com:{host.port}/told?by=us"


async def test_a_message_is_signed_as_the_specification_says(sends: Webhook, host: Host) -> None:
    await sends.send(url(host), message())
    [seen] = host.seen
    assert (seen.method, seen.target) == ("POST", "/told?by=us")
    assert seen.header("host") == [f"hooks.example.com:{host.port}"]
    [number], [at], [signature] = (seen.header(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    assert (number, at) == ("msg_0123abcd", str(int(message().made_at.timestamp())))
    expected = hmac.new(SECRET, f"{number}.{at}.".encode() + seen.body, hashlib.sha256).digest()
    assert signature == f"v1,{base64.b64encode(expected).decode()}"
    told = json.loads(seen.body)
    assert told["type"] == "countersign.told"
    assert told["data"]["items"][0]["link"] == "https://c/p/1"


def test_the_signature_is_that_of_the_specifications_example() -> None:
    secret = webhook.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "HOOK")
    headers = webhook.signed(
        secret, "p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer(status=410), Undeliverable, "is gone"),
        (Answer(status=503, headers=[("retry-after", "90")]), NotSent, "answers 503"),
        (Answer(status=302, headers=[("location", "https://127.0.0.1/")]), NotSent, "redirects .302., which is not"),
        (Answer(status=401), NotSent, "answers 401"),
    ],
)
async def test_what_is_answered_is_later_or_never(
    answer: Answer, error: type[CountersignError], says: str, sends: Webhook, host: Host
) -> None:
    host.act = lambda seen: answer
    with pytest.raises(error, match=says) as told:
        await sends.send(url(host), message())
    assert len(host.seen) == 1
    assert getattr(told.value, "retry_after", None) == (90 if answer.status == 503 else None)


@pytest.mark.parametrize(
    "where",
    [
        "https://other.example.com/",
        "https://hooks.example.com/",  # another port
        "http://hooks.example.com:PORT/",
        "https://hooks.example.com:PORT@127.0.0.1/",
        "https://user@hooks.example.com:PORT/",
    ],
)
async def test_only_what_the_operator_named_is_asked(where: str, sends: Webhook, host: Host) -> None:
    with pytest.raises(Undeliverable, match="has not named it"):
        await sends.send(where.replace("PORT", str(host.port)), message())
    assert host.connections == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
async def test_a_name_that_leads_inside_is_not_asked(
    address: str, host: Host, files: tuple[Path, Path], sends: Webhook
) -> None:
    async def inside(_host: str, _port: int) -> list[str]:
        return [address]

    guarded = Webhook(sends.secrets, sends.context, frozenset(), inside)
    with pytest.raises(NotSent, match="is not asked"):
        await guarded.send(url(host), message())
    assert host.connections == 0


async def test_a_host_with_another_certificate_gets_nothing(sends: Webhook, host: Host) -> None:
    stranger = Webhook(sends.secrets, ssl.create_default_context(), sends.private, local)
    with pytest.raises(NotSent, match="certificate"):
        await stranger.send(url(host), message())
    assert host.seen == []


def test_channels_are_what_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(notify_slack="SLACK_TOKEN", notify_webhooks="hooks.example.com=HOOK_SECRET")
    assert named(settings) == ("slack", "webhook")
    assert secrets(settings) == ("HOOK_SECRET", "SLACK_TOKEN")
    with pytest.raises(BadInput, match="SLACK_TOKEN"):
        channels(settings)
    monkeypatch.setenv("SLACK_TOKEN", "xoxb-1")
    monkeypatch.setenv("HOOK_SECRET", "not a secret")
    with pytest.raises(BadInput, match="HOOK_SECRET is no secret"):
        channels(settings)
    monkeypatch.setenv("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert set(channels(settings)) == {"slack", "webhook"}
    with pytest.raises(BadInput, match="no name of a variable"):
        secrets(Settings(notify_slack="xoxb-123-456"))
