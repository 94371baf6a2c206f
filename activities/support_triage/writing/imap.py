"""Updates of mails: an answer among the drafts, keywords on the mail, and at last the move into its queue's folder.

Each step is looked for before it is made, and the move comes last, so wherever an attempt was cut off the next goes on.
The draft carries the mark as its Message-ID, and the mail as a keyword where the server keeps those. Nothing is sent.
"""

from dataclasses import replace
from email.message import EmailMessage
from email.utils import formatdate

from activities.support_triage.mailbox import Folder, Mailbox
from activities.support_triage.sources import mail
from activities.support_triage.sources.imap import WANTED, body_of, leaf, named
from activities.support_triage.writing.protocol import Signed
from activities.support_triage.writing.words import slug, unknown_queue
from contracts.errors import BadInput, DestinationMoved

FLAGGED = ("high", "urgent")


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
        if (signed.params.answer or not folder.keywords) and not self._drafted(signed):
            self._draft(signed, folder, uid)
        self.mailbox.select(folder.name, writing=True)
        if folder.keywords:
            self.mailbox.client.add_flags([uid], [signed.mark.encode()])
        if target:
            self.mailbox.client.move([uid], target)

    def _tell(self, signed: Signed, folder: Folder, uid: int) -> None:
        """What the update says of the mail, as flags."""
        wanted = signed.params
        flags = [b"\\Flagged"] if wanted.priority in FLAGGED else []
        if folder.keywords:
            said = [f"intent_{slug(wanted.intent)}" if wanted.intent else "", *map(slug, wanted.tags)]
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
        return bool(self.mailbox.has(self.mailbox.drafts, "Message-ID", message_id(signed)))

    def _is_in(self, target: str, signed: Signed) -> bool:
        self.mailbox.select(target)
        return bool(self.mailbox.client.search(["KEYWORD", signed.mark]))

    def _draft(self, signed: Signed, folder: Folder, uid: int) -> None:
        self.mailbox.select(folder.name)
        said = self.mailbox.client.fetch([uid], WANTED)
        read = mail.read(body_of(said[uid]), 0)
        data = written(signed, read, self.mailbox.service.user)
        self.mailbox.client.append(self.mailbox.drafts, data, [b"\\Draft"])


def message_id(signed: Signed) -> str:
    return f"<{signed.mark}@countersign.invalid>"


def written(signed: Signed, read: mail.Mail, user: str) -> bytes:
    """The draft. An address that a stranger made so that it can't be written is left for the person to fill in."""
    try:
        return draft(signed, read, user).as_bytes()
    except Exception:
        return draft(signed, replace(read, reply_to="", message_id=""), user).as_bytes()


def draft(signed: Signed, read: mail.Mail, user: str) -> EmailMessage:
    """The answer alone, to whoever wrote, for a person to send; without one a note to nobody."""
    made = EmailMessage()
    answer = signed.params.answer
    made["Subject"] = f"{'Re' if answer else 'Triage'}: {' '.join(read.subject.split())}"
    made["Message-ID"], made["Date"] = message_id(signed), formatdate()
    for name, value in (
        ("From", user if "@" in user else ""),
        ("To", read.reply_to if answer else ""),
        ("In-Reply-To", read.message_id),
        ("References", read.message_id),
        ("X-Countersign-Run", signed.run),
    ):
        value = " ".join(value.split())
        if value and value.isprintable():
            made[name] = value
    made.set_content(answer or signed.note)
    return made
