"""Updates of mails: an answer among the drafts, keywords on the mail, and at last the move into its queue's folder.

Each step is looked for before it is made, and the move comes last, so wherever an attempt was cut off the next goes on.
The draft carries the mark as its Message-ID, and the mail as a keyword where the server keeps those. An answer goes to
the customer once a person sends it, so what a mail repeats or belongs to is told in a note beside it. Nothing is sent.
"""

from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.utils import formatdate

from activities.support_triage.mailbox import Folder, Mailbox
from activities.support_triage.sources import mail
from activities.support_triage.sources.imap import WANTED, body_of, is_from, leaf, named
from activities.support_triage.writing.protocol import Signed
from activities.support_triage.writing.words import slug, unknown_queue
from contracts.errors import BadInput, DestinationMoved

FLAGGED = ("high", "urgent")


@dataclass(frozen=True)
class Draft:
    """A mail among the drafts. `message_id`: by which it is found again."""

    message_id: str
    prefix: str
    text: str
    to_customer: bool = False


class ImapWriter:
    """See `protocol.Writer`."""

    def __init__(self, mailbox: Mailbox, folder: str) -> None:
        self.mailbox, self.folder = mailbox, folder or "INBOX"

    async def happened(self, signed: Signed) -> bool:
        return await self.mailbox.run(self._happened, signed)

    async def write(self, signed: Signed) -> None:
        await self.mailbox.run(self._write, signed)

    def _happened(self, signed: Signed) -> bool:
        """All of it: where a move was wanted, the mail is gone from here; and the mark is where it has to be."""
        folder, uid = self._mail(signed)
        target = self._target(signed)
        if not uid:
            return self._drafted(signed) or bool(target and self._is_in(target, signed))
        if target:
            return False
        if not folder.keywords:
            return self._drafted(signed)
        return bool(self.mailbox.client.search(["UID", str(uid), "KEYWORD", signed.mark]))

    def _write(self, signed: Signed) -> None:
        folder, uid = self._mail(signed)
        if not uid:
            raise DestinationMoved(
                f"The mail {signed.params.ticket} is not in {folder.name!r} any more.",
                subject=signed.params.ticket,
                way_out="Somebody has looked at it meanwhile. Leave it, or start a new run.",
            )
        target = self._target(signed)
        if target and not self.mailbox.client.has_capability("MOVE"):
            raise BadInput(
                f"{self.mailbox.service.name} can't move mails in one act (RFC 6851).",
                subject=target,
                way_out="Take the queue out of the update, and move the mail by hand.",
            )
        self._tell(signed, folder, uid)
        for made in wanted(signed, keywords=folder.keywords):
            if not self._has(made):
                self._draft(made, signed, folder, uid)
        self.mailbox.select(folder.name, writing=True)
        if folder.keywords:
            self.mailbox.client.add_flags([uid], [signed.mark.encode()])
        if target:
            self.mailbox.client.move([uid], target)

    def _tell(self, signed: Signed, folder: Folder, uid: int) -> None:
        """What the update says of the mail, as flags."""
        params = signed.params
        flags = [b"\\Flagged"] if params.priority in FLAGGED else []
        if folder.keywords:
            said = [f"intent_{slug(params.intent)}" if params.intent else "", *map(slug, params.tags)]
            said += [f"duplicate_of_{slug(params.duplicate_of)}"] if params.duplicate_of else []
            said += [f"incident_{slug(params.incident)}"] if params.incident else []
            flags += [each.encode() for each in said if each and each.isascii()]
        if flags:
            self.mailbox.client.add_flags([uid], flags)

    def _mail(self, signed: Signed) -> tuple[Folder, int]:
        """The folder, selected, and the mail's UID; 0 where it isn't there any more."""
        name, validity, uid = named(signed.params.ticket)
        folder = self.mailbox.select(name or self.folder, writing=True)  # else none says which keywords it keeps
        is_there = uid and folder.validity == validity and self.mailbox.client.search(["UID", str(uid)])
        return folder, uid if is_there else 0

    def _target(self, signed: Signed) -> str:
        """The folder of the queue; empty where the mail is to stay. BadInput where there is none."""
        queue = signed.params.queue
        if not queue or queue.casefold() == leaf(self.folder).casefold():
            return ""
        known = self.mailbox.folders()
        alike = [each for each in known if queue.casefold() in (each.casefold(), leaf(each).casefold())]
        if len(alike) != 1:
            raise unknown_queue(queue, known, "folder")
        return alike[0]

    def _drafted(self, signed: Signed) -> bool:
        return all(self._has(each) for each in wanted(signed, keywords=False))

    def _has(self, made: Draft) -> bool:
        return bool(self.mailbox.has(self.mailbox.drafts, "Message-ID", made.message_id))

    def _is_in(self, target: str, signed: Signed) -> bool:
        self.mailbox.select(target)
        return bool(self.mailbox.client.search(["KEYWORD", signed.mark]))

    def _draft(self, made: Draft, signed: Signed, folder: Folder, uid: int) -> None:
        self.mailbox.select(folder.name)
        said = self.mailbox.client.fetch([uid], WANTED)
        read = mail.read(body_of(said[uid]), 0)
        data = written(made, signed.run, read, self.mailbox.service.user)
        self.mailbox.client.append(self.mailbox.drafts, data, [b"\\Draft"])


def wanted(signed: Signed, *, keywords: bool) -> list[Draft]:
    """The answer, and a note of its own for what a mail can't tell beside it: an answer goes to the customer. Without
    either the note says that it was looked at, where no keyword does (`keywords`)."""
    params, made = signed.params, list[Draft]()
    if params.answer:
        made.append(Draft(f"<{signed.mark}@countersign.invalid>", "Re", params.answer, to_customer=True))
    if params.duplicate_of or params.incident if params.answer else not keywords:
        mark = f"{signed.mark}.note" if params.answer else signed.mark
        made.append(Draft(f"<{mark}@countersign.invalid>", "Triage", signed.note))
    return made


def written(made: Draft, run: str, read: mail.Mail, user: str) -> bytes:
    """The draft. An address that a stranger made so that it can't be written is left for the person to fill in."""
    try:
        return message(made, run, read, user).as_bytes()
    except Exception:
        bare = replace(read, reply_to="", message_id="", references=())
        return message(made, run, bare, user).as_bytes()


def message(made: Draft, run: str, read: mail.Mail, user: str) -> EmailMessage:
    """The answer to whoever wrote, for a person to send; a note, and what answers a machine, to nobody."""
    found = EmailMessage()
    found["Subject"] = subject(made.prefix, read.subject)
    found["Message-ID"], found["Date"] = made.message_id, formatdate()
    loops = not made.to_customer or bool(read.automatic) or is_from(read.reply_to, user)
    thread = dict.fromkeys(filter(None, (*(read.references or (read.answers,)), read.message_id)))
    for name, value in (
        ("From", user if "@" in user else ""),
        ("To", "" if loops else read.reply_to),
        ("In-Reply-To", read.message_id),
        ("References", " ".join(thread) if read.message_id else ""),
        ("X-Countersign-Run", run),
    ):
        value = " ".join(value.split())
        if value and value.isprintable():
            found[name] = value
    found.set_content(made.text)
    return found


def subject(prefix: str, text: str) -> str:
    """`Re: Question`, and not another `Re: ` in front of one."""
    words = " ".join(text.split())
    return words if words.casefold().startswith(f"{prefix.casefold()}:") else f"{prefix}: {words}"
