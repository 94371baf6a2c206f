"""A mail's bytes as words: its first part in plain text, else its HTML without tags. Bounded, of any bytes at all."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime

from activities.support_triage.asking import plain_html

MOST_PARTS = 100  # of a mail that are taken apart: the parser is slow where they are nested
MOST_BYTES = 256 << 10  # of a mail that are read: words come first, what is attached after


@dataclass(frozen=True)
class Mail:
    """`left_out`: bytes of a part that was cut short. `readable`: False where nothing could be made out."""

    subject: str = ""
    text: str = ""
    message_id: str = ""
    answers: str = ""
    reply_to: str = ""
    at: datetime | None = None
    left_out: int = 0
    readable: bool = True


def read(data: bytes, size: int) -> Mail:
    """`data`: the mail, or its first `MOST_BYTES` of `size`."""
    if data.lower().count(b"boundary=") > MOST_PARTS:
        return Mail(left_out=size, readable=False)
    try:
        return _read(data, size)
    except Exception:  # the parser meets strangers' bytes, and has raised about all there is; the mail isn't lost by it
        return Mail(left_out=size, readable=False)


def _read(data: bytes, size: int) -> Mail:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(preferencelist=("plain", "html"))
    text = "" if body is None else words(body)
    parts = [part for part in message.walk() if not part.is_multipart()]
    cut = size - len(data) if body is not None and parts and parts[-1] is body else 0
    return Mail(
        subject=" ".join(header(message, "Subject").split())[:300],
        text=text,
        message_id=header(message, "Message-ID").strip()[:500],
        answers=header(message, "In-Reply-To").strip()[:500],
        reply_to=header(message, "Reply-To") or header(message, "From"),
        at=moment(header(message, "Date")),
        left_out=max(0, cut),
    )


def words(part: MIMEPart) -> str:
    """A part in text, whatever it says its letters are."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        text = data.decode(part.get_content_charset("utf-8"), errors="replace")
    except LookupError:
        text = data.decode("utf-8", errors="replace")
    text = text.replace("\r\n", "\n").replace("\x00", "")
    return plain_html(text) if part.get_content_subtype() == "html" else text.strip()


def header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except Exception:  # headers are parsed when they are asked for, by the same parser
        return ""


def moment(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
