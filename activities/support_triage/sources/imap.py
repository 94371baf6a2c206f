"""A mailbox: each mail of a folder is a ticket, by its UID.

`imap://host/INBOX` is one folder. `imap://host/Support/*` is every folder whose name begins so, for a history: who put
a mail into `Support/Billing` has said that its queue is `Billing`. Nothing is marked as read.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any
from urllib.parse import quote, unquote

from imapclient.imapclient import SENT

from activities.support_triage.mailbox import Folder, Mailbox
from activities.support_triage.sources import mail
from activities.support_triage.sources.protocol import Page
from contracts.changelog import counted
from contracts.errors import BadInput, NotFound
from contracts.support import MOST_WORDS, Status, SupportTicket

WAITING: tuple[Status, ...] = ("new", "open")
OURS = b"countersign_"  # how keywords that our updates leave begin
AT_ONCE = 20  # mails of an answer of the server
MOST_FOLDERS = 500
ANSWERS = 5_000  # sent mails in which answers are looked for: the newest
WANTED = (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", f"BODY.PEEK[]<0.{mail.MOST_BYTES}>".encode())


class Imap:
    """See `protocol.Source`."""

    def __init__(self, name: str, mailbox: Mailbox, folder: str) -> None:
        if len(folder) > 300 or not (folder or "x").isprintable():
            raise BadInput(f"{name[:100]!r} names no folder.", subject=name[:100], way_out="Write imap://host/folder.")
        self.name, self.mailbox = name, mailbox
        self.folder = folder or "INBOX"
        self._sent: dict[str, int] | None = None

    @property
    def is_tree(self) -> bool:
        return self.folder.endswith("*")

    async def page(self, cursor: str, most: int) -> Page:
        return await self.mailbox.run(self._page, cursor, most)

    async def one(self, id: str) -> SupportTicket:
        return await self.mailbox.run(self._one, id)

    async def solved(self, ticket: SupportTicket) -> SupportTicket:
        """It came with its answer."""
        return ticket

    def _page(self, cursor: str, most: int) -> Page:
        read, notes, found = places(cursor), list[str](), list[SupportTicket]()
        for name in self._names():
            folder = self.mailbox.select(name)
            validity, uid = read.get(name, (folder.validity, 0))
            if validity != folder.validity:
                notes.append(f"{name} was made anew at the server, so it is read from its beginning")
                uid = 0
            uids, more = self.mailbox.after(folder, uid, most - len(found))
            some = self._tickets(folder, uids)
            found, notes = [*found, *some], [*notes, *passed_over(name, some)]
            read[name] = (folder.validity, uids[-1] if more else max(uid, folder.next_uid - 1))
            if more:
                return Page(tuple(found), json.dumps(read), True, tuple(notes))
        return Page(tuple(found), json.dumps(read), False, tuple(notes))

    def _names(self) -> list[str]:
        if not self.is_tree:
            return [self.folder]
        start = self.folder.removesuffix("*")
        names = [name for name in self.mailbox.folders() if name.startswith(start) and name.upper() != "INBOX"]
        if not names:
            raise NotFound(f"No folder's name begins with {start!r}.", subject=self.name)
        return sorted(names)[:MOST_FOLDERS]

    def _one(self, id: str) -> SupportTicket:
        name, validity, uid = named(id)
        folder = self.mailbox.select(name or self.folder)
        found = self._tickets(folder, [uid]) if uid and folder.validity == validity else []
        if not found:
            raise NotFound(f"There is no mail {id[:80]!r} in {folder.name!r} any more.", subject=id[:80])
        return found[0]

    def _tickets(self, folder: Folder, uids: Sequence[int]) -> list[SupportTicket]:
        made, ids = list[SupportTicket](), list[str]()
        for start in range(0, len(uids), AT_ONCE):
            some = uids[start : start + AT_ONCE]
            said = self.mailbox.client.fetch(some, WANTED)
            for uid in (each for each in some if each in said):  # one that is gone meanwhile isn't
                read = mail.read(body_of(said[uid]), int(said[uid].get(b"RFC822.SIZE", 0)))
                made.append(self._ticket(folder, uid, said[uid], read))
                ids.append(read.message_id)
        return self._answered(folder, made, ids) if any(each.status == "solved" for each in made) else made

    def _ticket(self, folder: Folder, uid: int, said: Any, read: mail.Mail) -> SupportTicket:
        id = f"{folder.validity}.{uid}"
        at = said.get(b"INTERNALDATE")  # when it came; what its Date says is the sender's
        text, state = (read.mine or read.text) if read.answers else read.text, status(said.get(b"FLAGS", ()))
        automatic, is_reply = read.automatic, read.is_reply
        if not automatic and is_from(read.sender, self.mailbox.service.user):
            automatic, is_reply = "it is this mailbox's own", True
        return SupportTicket(
            source=self.name,
            id=f"{quote(folder.name, safe='')}/{id}" if self.is_tree else id,
            subject=read.subject,
            text=text[:MOST_WORDS],
            status="solved" if self.is_tree else "closed" if is_reply and state in WAITING else state,
            created_at=at.astimezone(UTC) if isinstance(at, datetime) else read.at,
            stamp=id,
            queue=leaf(folder.name) if self.is_tree else "",
            left_out=read.left_out + max(0, len(text) - MOST_WORDS),
            automatic=automatic,
            people=tuple(filter(None, (parseaddr(read.sender)[0],))),
        )

    def _answered(self, folder: Folder, made: list[SupportTicket], ids: list[str]) -> list[SupportTicket]:
        """Those that are solved, with what was sent to answer them."""
        sent = self._sent_answers()
        wanted = {place: sent[id] for place, id in enumerate(ids) if id in sent and made[place].status == "solved"}
        if not wanted:
            return made
        self.mailbox.select(self.mailbox.special(SENT, "sent mails"))
        said: dict[int, Any] = {}
        uids = sorted(set(wanted.values()))
        for start in range(0, len(uids), AT_ONCE):
            said |= self.mailbox.client.fetch(uids[start : start + AT_ONCE], WANTED)
        self.mailbox.select(folder.name)
        for place, uid in wanted.items():
            if uid in said:
                text = mail.unquoted(mail.read(body_of(said[uid]), 0).text)[:MOST_WORDS]
                made[place] = made[place].model_copy(update={"solution": text})
        return made

    def _sent_answers(self) -> dict[str, int]:
        """By the Message-ID of a mail the UID of the newest that answers it, asked for once."""
        if self._sent is None:
            self._sent = {}
            name = self.mailbox.client.find_special_folder(SENT)
            if name:
                self._sent = self._read_sent(name)
        return self._sent

    def _read_sent(self, name: str) -> dict[str, int]:
        folder, found = self.mailbox.select(name), dict[str, int]()
        field = b"BODY.PEEK[HEADER.FIELDS (IN-REPLY-TO)]"
        uids, _ = self.mailbox.after(folder, 0, 10 * ANSWERS)
        for start in range(0, len(uids[-ANSWERS:]), 500):
            said = self.mailbox.client.fetch(uids[-ANSWERS:][start : start + 500], [field])
            for uid in sorted(said):
                if answers := mail.read(body_of(said[uid]), 0).answers:
                    found[answers] = uid
        return found


def places(cursor: str) -> dict[str, tuple[int, int]]:
    """By each folder's name its UIDVALIDITY and the last UID that was read."""
    try:
        told = json.loads(cursor) if cursor else {}
        return {str(name): (int(validity), int(uid)) for name, (validity, uid) in told.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def named(id: str) -> tuple[str, int, int]:
    """Folder (empty: the source's), UIDVALIDITY and UID of a ticket; all nothing where it is none's."""
    folder, _, rest = id.rpartition("/")
    validity, _, uid = rest.partition(".")
    if not (validity.isascii() and validity.isdigit() and uid.isascii() and uid.isdigit() and len(rest) < 25):
        return "", 0, 0
    return unquote(folder), int(validity), int(uid)


def status(flags: Sequence[bytes]) -> Status:
    """A mail that an update of ours has marked waits for nobody."""
    known = {each.lower() for each in flags}
    if b"\\answered" in known:
        return "solved"
    if b"\\deleted" in known or b"\\draft" in known:
        return "closed"
    if any(each.startswith(OURS) for each in known):
        return "pending"
    return "open" if b"\\seen" in known else "new"


def passed_over(name: str, tickets: Sequence[SupportTicket]) -> list[str]:
    """What is to be said of mails that are machines' answers: they are read, and wait for nobody."""
    count = sum(each.status == "closed" and bool(each.automatic) for each in tickets)
    return [f"{counted(count, 'automatic answer')} in {name} passed over"] if count else []


def is_from(sender: str, user: str) -> bool:
    """Whether a mail is of the address that we sign in with."""
    return "@" in user and parseaddr(sender)[1].casefold() == user.casefold()


def leaf(name: str) -> str:
    """`Billing` of `Support/Billing`, and of `INBOX.Billing`."""
    by = "." if "/" not in name and name.upper().startswith("INBOX.") else "/"
    return " ".join(name.rpartition(by)[2].split())[:80]


def body_of(said: Any) -> bytes:
    return next((value for name, value in said.items() if name.startswith(b"BODY[") and isinstance(value, bytes)), b"")
