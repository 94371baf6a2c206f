"""A mail's bytes as words: its first part in plain text, else its HTML without tags. Bounded, of any bytes at all.

Also whether a machine has sent it, by RFC 3834 and what programs did before it: who answers those makes mails go round.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime

from activities.support_triage.asking import plain_html

MOST_PARTS = 100  # of a mail that are taken apart: the parser is slow where they are nested
MOST_REFERENCES = 20
ANSWERED = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply")
LISTS = ("List-Id", "List-Post", "Mailing-List")
_ID = re.compile(r"<[^<>\s]{1,200}>")
_WROTE = re.compile(  # "On Monday … Ana wrote:", on one line or two, before a quote
    r"^(?:On|Am|Le|El|Il|Em|Op|Den)\b[^\n]{4,200}(?:\n[^\n]{0,100})?"
    r"\b(?:wrote|schrieb[^\n:]{0,60}|a écrit|escribió|ha scritto|escreveu|schreef|skrev)\s?:\s*$",
    re.MULTILINE,
)
MOST_BYTES = 256 << 10  # of a mail that are read: words come first, what is attached after


@dataclass(frozen=True)
class Mail:
    """`left_out`: bytes of a part that was cut short. `readable`: False where nothing could be made out.

    `mine`: the text without what it quotes, where it answers something. `automatic`: why it is a machine's; empty: it
    isn't. `is_reply`: that machine has answered another mail, so it is nobody's question.
    """

    subject: str = ""
    text: str = ""
    mine: str = ""
    message_id: str = ""
    answers: str = ""
    references: tuple[str, ...] = ()
    automatic: str = ""
    is_reply: bool = False
    sender: str = ""
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
    automatic, is_reply = machine(message)
    parts = [part for part in message.walk() if not part.is_multipart()]
    cut = size - len(data) if body is not None and parts and parts[-1] is body else 0
    return Mail(
        subject=" ".join(header(message, "Subject").split())[:300],
        text=text,
        mine="" if body is None else unquoted(words(body, quoted=False)),
        message_id=header(message, "Message-ID").strip()[:500],
        answers=header(message, "In-Reply-To").strip()[:500],
        references=tuple(_ID.findall(header(message, "References")[:20_000]))[-MOST_REFERENCES:],
        automatic=automatic,
        is_reply=is_reply,
        sender=header(message, "From"),
        reply_to=header(message, "Reply-To") or header(message, "From"),
        at=moment(header(message, "Date")),
        left_out=max(0, cut),
    )


def machine(message: EmailMessage) -> tuple[str, bool]:
    """Which header says that a machine has sent it, empty if none does; and whether it answers a mail."""
    submitted = re.split(r"[\s;(]", header(message, "Auto-Submitted").strip().lower())[0]
    if submitted not in ("", "no"):
        return f"Auto-Submitted: {submitted[:40]}", submitted == "auto-replied"
    if message.get_content_type() == "multipart/report":
        return "a report of delivery", True
    if header(message, "Return-Path").strip() == "<>":
        return "it names nobody to answer to", bool(header(message, "In-Reply-To"))
    if found := next((name for name in ANSWERED if header(message, name).strip().lower() not in ("", "no")), ""):
        return found, True
    precedence = header(message, "Precedence").strip().lower()
    if precedence in ("bulk", "junk", "list", "auto_reply"):
        return f"Precedence: {precedence}", precedence == "auto_reply"
    if found := next((name for name in LISTS if header(message, name).strip()), ""):
        return f"{found}: a mailing list", False
    return "", False


def unquoted(text: str) -> str:
    """What somebody wrote himself: without lines that are quoted, and the line that says whose they are."""
    lines = [line for line in _WROTE.sub("\n", text).splitlines() if not line.lstrip().startswith(">")]
    return "\n".join(lines).strip()


def words(part: MIMEPart, *, quoted: bool = True) -> str:
    """A part in text, whatever it says its letters are. `quoted`: with what its HTML marks as quoted."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        text = data.decode(part.get_content_charset("utf-8"), errors="replace")
    except LookupError:
        text = data.decode("utf-8", errors="replace")
    text = text.replace("\r\n", "\n").replace("\x00", "")
    return plain_html(text, quoted=quoted) if part.get_content_subtype() == "html" else text.strip()


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
