"""A mailbox, read and updated, at a real IMAP server over TLS. All mails are generated."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from imapclient import IMAPClient

from activities.effects.ticket_update import writing
from activities.services.service import Services
from activities.support_triage.drafting import Drafting
from activities.support_triage.sources import mail, opened
from activities.support_triage.writing.protocol import Signed
from contracts.errors import AccessRefused, BadInput, DestinationMoved, NotFound, ServiceBusy
from contracts.support import Item, SimilarTicket, SupportTicket, Triaged
from tests.activities.support_triage.test_services import signed
from tests.support.services.mail import PASSWORD, USER, MailServer, keeping_keywords, mail_server
from tests.support.tls_host import authority
from workers.services import services
from workers.settings import Settings

FOLDERS = ("Drafts", "Sent", "Support/Shipping", "Support/Billing")


@dataclass
class World:
    server: MailServer
    services: Services

    @property
    def inbox(self) -> str:
        return f"imap://{self.server.place}/INBOX"

    async def put(self, folder: str, *mails: bytes, flags: tuple[bytes, ...] = ()) -> None:
        await asyncio.to_thread(self.server.put, folder, mails, flags)

    async def all(self, folder: str) -> list[tuple[bytes, tuple[bytes, ...]]]:
        return await asyncio.to_thread(self.server.all, folder)

    async def read(self, name: str, most: int = 100, cursor: str = "") -> tuple[list[SupportTicket], str]:
        found, more = list[SupportTicket](), True
        async with opened(name, self.services) as source:
            while more:
                page = await source.page(cursor, most)
                found, cursor, more = [*found, *page.tickets], page.cursor, page.more
        return found, cursor

    async def write(self, update: Signed) -> bool:
        """Whether it had happened already; if not, it has now."""
        context: Any = SimpleNamespace(toolbox=SimpleNamespace(services=self.services))
        async with writing(update.params.source, context) as writer:
            if await writer.happened(update):
                return True
            await writer.write(update)
            assert await writer.happened(update)
            return False


@pytest.fixture(params=["keywords", "no keywords"])
def keywords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "keywords":
        keeping_keywords(monkeypatch)
    return bool(request.param == "keywords")


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    ca, pem = authority(tmp_path, ("localhost",))
    monkeypatch.setenv("TEST_MAIL", PASSWORD)
    async with mail_server(ca, pem) as server:
        await asyncio.to_thread(server.make, FOLDERS)
        settings = Settings(
            state=tmp_path,
            imap=server.place,
            egress_authorities=str(ca),
            ticket_write_credentials=f"{server.place}={USER}:TEST_MAIL",
        )
        yield World(server, services(settings, "effects"))


def letter(number: int, text: str = "Where is my lamp?", html: str = "", **headers: str) -> bytes:
    made = EmailMessage()
    told = {"From": "Ana <ana@example.com>", "Subject": f"Question {number}", "Message_ID": f"<{number}@example.com>"}
    for name, value in (told | headers).items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made.as_bytes()


def attached(to: bytes = b"") -> bytes:
    """A mail with a text and a picture attached; without one there is nothing else in it."""
    made = EmailMessage(policy=policy.SMTP) if not to else message_from_bytes(to, policy=policy.SMTP)
    assert isinstance(made, EmailMessage)
    made.add_attachment("secret notes", filename="notes.txt")
    made.add_attachment(b"PNG", maintype="image", subtype="png", filename="=?utf-8?q?gr=C3=BC=C3=9Fe.png?=")
    return made.as_bytes()


async def test_a_folder_is_read_in_pages_once_and_nothing_is_marked_as_read(world: World) -> None:
    await world.put("INBOX", *(letter(number) for number in range(1, 8)))
    found, cursor = await world.read(world.inbox, most=3)
    assert [each.subject for each in found] == [f"Question {number}" for number in range(1, 8)]
    assert {(each.text, each.status, each.queue) for each in found} == {("Where is my lamp?", "new", "")}
    assert all(each.created_at for each in found)
    assert (await world.read(world.inbox, cursor=cursor))[0] == []
    await world.put("INBOX", letter(8))
    later, _ = await world.read(world.inbox, cursor=cursor)
    assert [each.subject for each in later] == ["Question 8"]
    assert all(b"\\Seen" not in flags for _, flags in await world.all("INBOX"))
    async with opened(world.inbox, world.services) as source:
        assert (await source.one(found[2].id)).subject == "Question 3"
        for id in ("1.1", "7", "../etc/passwd", f"{found[0].id.split('.')[0]}.99"):
            with pytest.raises(NotFound):
                await source.one(id)


async def test_a_mailbox_that_was_made_anew_is_read_from_its_beginning_and_says_so(world: World) -> None:
    await world.put("INBOX", letter(1))
    async with opened(world.inbox, world.services) as source:
        page = await source.page('{"INBOX": [1, 99]}', 10)
    assert [each.subject for each in page.tickets] == ["Question 1"]
    assert "made anew" in page.notes[0]


async def test_a_history_is_the_folders_with_what_was_sent_as_answers(world: World) -> None:
    await world.put("Support/Shipping", letter(1), letter(2))
    await world.put("Support/Billing", letter(3, "The invoice is wrong"))
    await world.put("Sent", letter(4, "It is on its way.\n> Where is my lamp?", In_Reply_To="<1@example.com>"))
    found, _ = await world.read(f"imap://{world.server.place}/Support/*", most=2)
    told = {each.subject: (each.queue, each.status, each.solution) for each in found}
    assert told["Question 1"] == ("Shipping", "solved", "It is on its way.")
    assert told["Question 2"] == ("Shipping", "solved", "")
    assert told["Question 3"] == ("Billing", "solved", "")
    assert len({each.key for each in found}) == 3


async def test_a_mail_is_moved_its_answer_drafted_once_and_nothing_is_sent(world: World, keywords: bool) -> None:
    await world.put("INBOX", letter(1), letter(2))
    [first, _], _ = await world.read(world.inbox)
    update = signed(world.inbox, ticket=first.id)
    assert not await world.write(update)
    assert await world.write(update)
    assert len(await world.all("INBOX")) == 1
    [(moved, flags)] = await world.all("Support/Shipping")
    assert b"Question 1" in moved
    assert b"\\Flagged" in flags
    assert (update.mark.encode() in flags) == keywords
    [(draft, flags)] = await world.all("Drafts")
    assert b"To: Ana <ana@example.com>" in draft
    assert b"In-Reply-To: <1@example.com>" in draft
    assert draft.endswith(b"It is late.\r\n") or draft.endswith(b"It is late.\n")
    assert b"\\Draft" in flags
    assert await world.all("Sent") == []


async def test_what_a_mail_repeats_is_told_in_a_note_beside_its_answer(
    world: World, keywords: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.put("INBOX", letter(1))
    [ticket], _ = await world.read(world.inbox)
    update = signed(world.inbox, ticket=ticket.id, duplicate_of="77.3", incident="77.4")
    real = IMAPClient.append

    def lost(client: IMAPClient, *given: object) -> object:
        real(client, *given)
        raise TimeoutError

    with monkeypatch.context() as patch:  # once after the answer, once after the note
        patch.setattr(IMAPClient, "append", lost)
        for _ in range(2):
            with pytest.raises(ServiceBusy):
                await world.write(update)
    assert not await world.write(update)
    assert await world.write(update)
    answer, note = sorted([data for data, _ in await world.all("Drafts")], key=lambda data: b"Subject: Triage" in data)
    assert b"To: Ana" in answer
    assert b"77." not in answer
    assert b"\nTo:" not in note, "a note goes to nobody"
    assert b"In-Reply-To: <1@example.com>" in note
    told = mail.read(note, len(note)).text
    assert "repeats ticket 77.3" in told
    assert "part of incident 77.4" in told
    [(_, flags)] = await world.all("Support/Shipping")
    assert ({b"duplicate_of_77_3", b"incident_77_4"} <= set(flags)) == keywords


async def test_a_mail_of_a_thread_is_read_without_its_quotes_and_answered_in_its_thread(world: World) -> None:
    thread = {"In_Reply_To": "<b@x>", "References": "<a@x> <b@x>", "Subject": "RE: Question"}
    words = "It came broken.\n\nOn Mon, 2 Nov 2026 at 10:00, Support\n<help@shop.example> wrote:\n> Please refund it.\n"
    html = "<p>It came broken.</p><blockquote>Please refund it.</blockquote>"
    only_html = b"In-Reply-To: <b@x>\r\nContent-Type: text/html\r\n\r\n" + html.encode()
    await world.put("INBOX", letter(1, words, **thread), only_html, letter(3, "> all of it is quoted", **thread))
    found, _ = await world.read(world.inbox)
    assert [each.text for each in found] == ["It came broken.", "It came broken.", "> all of it is quoted"]
    await world.write(signed(world.inbox, ticket=found[0].id))
    [(draft, _)] = await world.all("Drafts")
    assert b"References: <a@x> <b@x> <1@example.com>" in draft
    assert b"Subject: RE: Question" in draft


LOOPS: dict[str, dict[str, str]] = {
    "out of office": {"Auto_Submitted": "auto-replied (vacation)"},
    "an old responder": {"Precedence": "auto_reply"},
    "another old one": {"X_Autoreply": "yes"},
    "a bounce": {"Return_Path": "<>", "In_Reply_To": "<9@shop.example>"},
    "our own": {"From": f"Support <{USER}>"},
}
MACHINES: dict[str, dict[str, str]] = {
    "a form": {"Auto_Submitted": "auto-generated"},
    "a mailing list": {"List_Id": "<news.example>"},
    "bulk": {"Precedence": "bulk"},
}


PEOPLE: dict[str, dict[str, str]] = {"a person": {"Auto_Submitted": "no", "Precedence": "normal"}}


async def test_machines_answers_wait_for_nobody_and_machines_get_no_answer(world: World) -> None:
    all_of_them = LOOPS | MACHINES | PEOPLE
    await world.put("INBOX", *(letter(1, Subject=what, **headers) for what, headers in all_of_them.items()))
    async with opened(world.inbox, world.services) as source:
        page = await source.page("", 100)
    assert page.notes == ("5 automatic answers in INBOX passed over",)
    told = {each.subject: each for each in page.tickets}
    assert {what for what, each in told.items() if each.status == "closed"} == set(LOOPS)
    assert {what for what, each in told.items() if each.automatic} == {*LOOPS, *MACHINES}
    alike = SimilarTicket(key="h#1", id="1", solution="It is late.", score=1)
    said = Triaged(confident=True, similar=(alike,))
    drafted = [what for what in told if (await Drafting(source).answered(Item(ticket=told[what], triaged=said))).answer]
    assert drafted == ["a person"]
    for what in ("out of office", "our own", "a form", "a person"):  # somebody wants to answer all the same
        await world.write(replace(signed(world.inbox, ticket=told[what].id), key=what))
    assert len(await world.all("Drafts")) == 4
    addressed = [data for data, _ in await world.all("Drafts") if b"\nTo: " in data]
    assert [b"Subject: Re: a person" in each for each in addressed] == [True]


@pytest.mark.parametrize("call", ["append", "add_flags", "move"])
@pytest.mark.parametrize("answered", [True, False], ids=["answer", "no answer"])
async def test_cut_off_anywhere_it_goes_on_and_drafts_once(
    world: World, keywords: bool, monkeypatch: pytest.MonkeyPatch, call: str, answered: bool
) -> None:
    await world.put("INBOX", letter(1))
    [ticket], _ = await world.read(world.inbox)
    update = signed(world.inbox, ticket=ticket.id, answer="It is late." if answered else "")
    real = getattr(IMAPClient, call)

    def lost(client: IMAPClient, *given: object) -> object:
        real(client, *given)
        raise TimeoutError

    if call == "append" and keywords and not answered:
        return  # then nothing is drafted
    with monkeypatch.context() as patch:
        patch.setattr(IMAPClient, call, lost)
        with pytest.raises(ServiceBusy):
            await world.write(update)
    assert await world.write(update) == (call == "move")
    assert len(await world.all("Support/Shipping")) == 1
    assert await world.all("INBOX") == []
    assert len(await world.all("Drafts")) == (1 if answered or not keywords else 0)


async def test_a_mail_that_stays_is_marked_and_waits_for_nobody(world: World, keywords: bool) -> None:
    await world.put("INBOX", letter(1))
    [ticket], _ = await world.read(world.inbox)
    update = signed(world.inbox, ticket=ticket.id, queue="")
    assert not await world.write(update)
    assert await world.write(update)
    [again], _ = await world.read(world.inbox)
    assert again.status == ("pending" if keywords else "new")
    assert len(await world.all("Drafts")) == 1


async def test_what_somebody_moved_is_left_alone_and_unknown_folders_are_named(world: World) -> None:
    await world.put("INBOX", letter(1))
    [ticket], _ = await world.read(world.inbox)
    with pytest.raises(BadInput, match="Nowhere"):
        await world.write(signed(world.inbox, ticket=ticket.id, queue="Nowhere"))
    with pytest.raises(DestinationMoved):
        await world.write(signed(world.inbox, ticket="1.99"))
    assert await world.all("Drafts") == []
    with pytest.raises(NotFound, match="Support/Billing"):
        async with opened(f"imap://{world.server.place}/Nowhere", world.services) as source:
            await source.page("", 10)


async def test_trouble_has_a_name_and_tells_no_secret(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MAIL", "another-secret")
    with pytest.raises(AccessRefused) as caught:
        await world.read(world.inbox)
    assert "another-secret" not in str(caught.value)
    for name in ("imap://elsewhere.example/INBOX", f"imap://ana@{world.server.place}/INBOX", "zendesk://x/y"):
        with pytest.raises(BadInput):
            await world.read(name)


async def test_what_is_no_mail_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rubbish(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    monkeypatch.setenv("TEST_MAIL", PASSWORD)
    async with await asyncio.start_server(rubbish, "localhost", 0) as server:
        place = f"localhost:{server.sockets[0].getsockname()[1]}"
        settings = Settings(state=tmp_path, imap=place, ticket_write_credentials=f"{place}={USER}:TEST_MAIL")
        with pytest.raises(ServiceBusy):
            async with opened(f"imap://{place}", services(settings, "effects")):
                pass


def test_without_a_port_it_is_the_one_of_imap_over_tls(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, imap="mail.shop.example", ticket_credentials="mail.shop.example=ana:TEST_MAIL")
    [service] = services(settings, "agents").of("imap")
    assert (service.port, service.place, service.user) == (993, "mail.shop.example", "ana")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (letter(1, "plain words", html="<p>others</p>"), "plain words"),
        (b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe aus=\r\n K=C3=B6ln", "Grüße aus Köln"),
        (b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>Gr\xfc&szlig;e &amp; mehr</p>", "Grüße & mehr"),
        (b"Content-Type: text/plain; charset=gb18030\r\n\r\n\xc4\xfa\xba\xc3", "您好"),
        (attached(letter(1, "words")), "words"),
        (attached(), ""),
        (b"Content-Type: text/html\r\n\r\n<style>x</style><p>Where is</p><p>my lamp?</p>", "Where is\nmy lamp?"),
        (b"Content-Type: text/plain; charset=nonsense\r\n\r\nGr\xc3\xbc\xc3\x9fe", "Grüße"),
        (b"Content-Type: text/plain; charset=latin-1\r\n\r\nGr\xfc\xdfe", "Grüße"),
        (b"Content-Transfer-Encoding: base64\r\n\r\nV2hlcmUgaXMgbXkgbGFtcD8=", "Where is my lamp?"),
        (b"", ""),
        (bytes(range(256)) * 20, None),
        (b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" * 3000, None),
        (b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(3000)), None),
        (b"Subject: =?utf-8?b?/////w==?=\r\nFrom: =?x?q?=<@\r\nDate: yesterday\r\n\r\nhello", "hello"),
    ],
)
def test_any_bytes_are_a_mail(data: bytes, says: str | None) -> None:
    found = mail.read(data, len(data))
    if says is not None:
        assert found.text == says
    assert found.left_out in (0, len(data))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("=?utf-8?b?R3LDvMOfZQ==?=", "Grüße"),
        ("=?iso-8859-1?q?Gr=FC=DFe?= aus =?utf-8?q?K=C3=B6ln?=", "Grüße aus Köln"),
        ("=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"),
        ("=?utf-8?b?2LfZhNio2Yo=?=", "طلبي"),
        ("=?nonsense?q?a?=", None),
        ("line one\r\n line two", "line one line two"),
    ],
)
def test_a_subject_in_any_letters(header: str, says: str | None) -> None:
    found = mail.read(f"Subject: {header}\r\n\r\nhello".encode(), 50)
    assert found.text == "hello"
    assert says is None or found.subject == says


def test_of_a_long_mail_it_is_said_how_much_was_not_read() -> None:
    data = letter(1, "word " * 200_000)
    assert mail.read(data[: mail.MOST_BYTES], len(data)).left_out == len(data) - mail.MOST_BYTES
