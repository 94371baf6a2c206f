"""Mail, by a real SMTP server with TLS."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from contracts.errors import BadInput, CountersignError, NotSent, Undeliverable
from contracts.notify import Item, Message
from tests.support.tls_host import authority
from workers.notify.smtp import Email, Security, Server, compose, server
from workers.processes import free_port

FROM = "Countersign <countersign@example.com>"


def message(**fields: Any) -> Message:
    item = Item(
        reason="waiting",
        title="Fix & ship <b>it</b>",
        workflow="changelog",
        says="Commit 3 lines",
        link="https://c/p/1",
    )
    base = {
        "id": "0123abcd",
        "person": "ana",
        "greeting": "Ana",
        "items": (item,),
        "inbox": "https://c/",
        "preferences": "https://c/notify",
        "made_at": datetime(2026, 11, 23, 12, tzinfo=UTC),
    }
    return Message.model_validate(base | fields)


class Box:
    """What a server took, and with which answer it refuses."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusal = ""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        if self.refusal:
            return self.refusal
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


Start = Callable[[Security], Server]


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return authority(tmp_path_factory.mktemp("tls"), ["localhost"])


@pytest.fixture
def start(box: Box, files: tuple[Path, Path]) -> Iterator[Start]:
    """Starts a server that lets `bot` in with its password, over TLS only."""
    running: list[Controller] = []

    def begin(security: Security) -> Server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files[1])
        given: dict[str, Any] = {"ssl_context": context} if security == "implicit" else {"tls_context": context}
        port = free_port()
        controller = Controller(
            box,
            hostname="127.0.0.1",
            port=port,
            require_starttls=security == "starttls",
            auth_required=True,
            auth_require_tls=security == "starttls",
            authenticator=lambda *args: AuthResult(success=args[-1].password == b"secret-word", handled=False),
            **given,
        )
        controller.start()
        running.append(controller)
        return Server("localhost", port, security, FROM, "bot", "secret-word")

    yield begin
    for each in running:
        each.stop()


@pytest.fixture
def trust(files: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(files[0]))


@pytest.mark.parametrize("security", ["starttls", "implicit"])
async def test_mail_goes_out_over_tls_by_an_account(
    security: Security, start: Start, box: Box, trust: ssl.SSLContext
) -> None:
    await Email(start(security), trust).send("ana@example.com", message())
    [mail] = box.mails
    assert mail["To"] == "ana@example.com"
    assert mail["Subject"] == "Waiting for you: Fix & ship <b>it</b>"
    assert mail["Message-ID"] == "<0123abcd@example.com>"
    assert mail["List-Unsubscribe"] == "<https://c/notify>"
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert "Commit 3 lines.\nhttps://c/p/1" in plain.get_content().replace("\r", "")
    assert "Fix &amp; ship &lt;b&gt;it&lt;/b&gt;</a>" in html.get_content()
    assert "<b>" not in html.get_content()


async def test_a_server_that_nobody_vouches_for_gets_no_mail(start: Start, box: Box) -> None:
    with pytest.raises(NotSent, match="certificate that does not hold"):
        await Email(start("starttls"), ssl.create_default_context()).send("ana@example.com", message())
    assert box.mails == []


@pytest.mark.parametrize(
    ("refusal", "error"), [("452 too many", NotSent), ("550 no such user", Undeliverable), ("421 closing", NotSent)]
)
async def test_what_the_server_refuses_is_later_or_never(
    refusal: str, error: type[CountersignError], start: Start, box: Box, trust: ssl.SSLContext
) -> None:
    box.refusal = refusal
    with pytest.raises(error, match=refusal[4:]):
        await Email(start("implicit"), trust).send("ana@example.com", message())


async def test_a_wrong_password_names_the_setting_and_not_the_password(start: Start, trust: ssl.SSLContext) -> None:
    known = start("implicit")
    wrong = Server(known.host, known.port, known.security, FROM, "bot", "wrong-word")
    with pytest.raises(NotSent, match="COUNTERSIGN_NOTIFY_SMTP_CREDENTIAL") as told:
        await Email(wrong, trust).send("ana@example.com", message())
    assert "wrong-word" not in str(told.value) + repr(wrong)


async def test_a_server_that_is_away_is_tried_later(trust: ssl.SSLContext) -> None:
    with pytest.raises(NotSent, match="can't be reached"):
        await Email(Server("localhost", 1, "starttls", FROM), trust).send("ana@example.com", message())


def test_no_title_makes_a_header_of_its_own() -> None:
    item = message().items[0].model_copy(update={"title": "Hi\r\nBcc: all@example.com\r\n\r\n<script>"})
    mail = compose(FROM, "ana@example.com", message(items=(item,)))
    assert mail.get_all("Bcc") is None
    assert b"\nBcc:" not in mail.as_bytes().split(b"\r\n\r\n")[0]
    assert b"<script>" not in mail.get_body(("html",)).get_payload(decode=True)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://mail.example.com", FROM),
        ("smtp+plain://mail.example.com", FROM),
        ("smtp://user:pass@mail.example.com", FROM),
        ("smtp://mail.example.com:port", FROM),
        ("smtps://mail.example.com", "nobody"),
        ("smtps://mail.example.com", "a@example.com\r\nBcc: b@example.com"),
    ],
)
def test_settings_that_cannot_be_say_so(url: str, sender: str) -> None:
    with pytest.raises(BadInput, match="COUNTERSIGN_NOTIFY_"):
        server(url, sender)
