"""E-mail by SMTP, through the standard library, in a thread. TLS is demanded unless the server is this host."""

import asyncio
import contextlib
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Literal
from urllib.parse import urlsplit

from contracts.errors import BadInput, NotSent, Undeliverable
from contracts.notify import Message, is_email, line
from workers.notify import words

SETTING, FROM = "COUNTERSIGN_NOTIFY_SMTP", "COUNTERSIGN_NOTIFY_FROM"
SECONDS = 20.0  # for each step of the conversation
LOCAL = ("127.0.0.1", "::1", "localhost")
Security = Literal["starttls", "implicit", "none"]
SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("starttls", 587),
    "smtps": ("implicit", 465),
    "smtp+plain": ("none", 25),
}


@dataclass(frozen=True)
class Server:
    """The mail server that the operator names, and who may use it. `user` empty: nobody signs in."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def server(url: str, sender: str, user: str = "", password: str = "") -> Server:
    """`smtp://host:587` (STARTTLS), `smtps://host:465`, and `smtp+plain://` for this host alone. BadInput otherwise."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in SCHEMES or not parts.hostname or port == -1 or parts.path.strip("/") or "@" in parts.netloc:
        raise BadInput(
            f"{SETTING} is no mail server.",
            subject=SETTING,
            way_out="It is smtp://host:587 (with STARTTLS) or smtps://host:465; the user is in another setting.",
        )
    security, usual = SCHEMES[parts.scheme]
    if security == "none" and parts.hostname not in LOCAL:
        raise BadInput(
            f"{SETTING} would have mail sent to {parts.hostname!r} unencrypted.",
            subject=SETTING,
            way_out="Use smtp:// (STARTTLS) or smtps://; smtp+plain:// is for a server on this host.",
        )
    if not is_email(parseaddr(sender)[1]) or not sender.isprintable():
        raise BadInput(
            f"{FROM} is no address.", subject=FROM, way_out="Write it like Countersign <countersign@example.com>."
        )
    return Server(parts.hostname, port or usual, security, sender, user, password)


class Email:
    """Sends mail."""

    def __init__(self, server: Server, context: ssl.SSLContext) -> None:
        self.server, self.context = server, context

    async def send(self, to: str, message: Message) -> None:
        await asyncio.to_thread(self._send, to, message)

    def _send(self, to: str, message: Message) -> None:
        mail = compose(self.server.sender, to, message)
        try:
            connection = self._connect()
            try:
                connection.send_message(mail, to_addrs=[to])
            finally:
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    connection.quit()  # what was taken is taken, however the goodbye goes
        except (OSError, smtplib.SMTPException) as error:
            raise explained(error, self.server) from error

    def _connect(self) -> smtplib.SMTP:
        known = self.server
        if known.security == "implicit":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(known.host, known.port, timeout=SECONDS, context=self.context)
        else:
            connection = smtplib.SMTP(known.host, known.port, timeout=SECONDS)
        try:
            if known.security == "starttls":
                connection.starttls(context=self.context)
            if known.user:
                connection.login(known.user, known.password)
        except BaseException:
            connection.close()
            raise
        return connection


def compose(sender: str, to: str, message: Message) -> EmailMessage:
    """The mail. Its Message-ID is the message's own, so that one that comes twice can be known as the same."""
    name, address = parseaddr(sender)
    local, _, domain = address.rpartition("@")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(name or "Countersign", local, domain)
    mail["To"] = to
    mail["Subject"] = line(message.subject, 200)
    mail["Date"] = format_datetime(message.made_at.astimezone(UTC))
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = f"<{message.preferences}>"
    mail.set_content(words.plain(message))
    mail.add_alternative(words.html(message), subtype="html")
    return mail


def explained(error: Exception, known: Server) -> NotSent | Undeliverable:
    """The library's error as ours. What the server says is quoted: it knows why."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return NotSent(
            f"The mail server {known.place} does not let {known.user!r} in: {_said(error.smtp_error)}.",
            subject=known.place,
            way_out="Correct COUNTERSIGN_NOTIFY_SMTP_CREDENTIAL or the variable that it names.",
        )
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return NotSent(
            f"The mail server {known.place} can't do what is asked of it: {_said(error)}.",
            subject=known.place,
            way_out=f"Without STARTTLS there, use smtps://; see {SETTING}.",
        )
    refused = _refusal(error)
    if refused is not None:
        code, said = refused
        if 500 <= code < 600:
            return Undeliverable(
                f"The mail server {known.place} refuses it: {code} {_said(said)}.", subject=known.place
            )
        return NotSent(f"The mail server {known.place} asks for patience: {code} {_said(said)}.", subject=known.place)
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotSent(
            f"The mail server {known.place} has a certificate that does not hold: {error.verify_message}.",
            subject=known.place,
            way_out="Name its authority's PEM file: COUNTERSIGN_EGRESS_AUTHORITIES=/path/to/ca.pem",
        )
    return NotSent(
        f"The mail server {known.place} can't be reached: {_said(error) or type(error).__name__}.", subject=known.place
    )


def _refusal(error: Exception) -> tuple[int, object] | None:
    """The code with which the server refused the message or its receiver. The sender's refusal is set up wrongly, and
    may be corrected: it is no reason to give up."""
    if isinstance(error, smtplib.SMTPRecipientsRefused) and error.recipients:
        return next(iter(error.recipients.values()))
    if isinstance(error, smtplib.SMTPSenderRefused):
        return 450, error.smtp_error
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code, error.smtp_error
    return None


def _said(words: object) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    return line(text, 200).rstrip(".")
