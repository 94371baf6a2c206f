"""A mail server over TLS, by IMAPClient: for the source and for the effect.

IMAPClient waits for its socket, so all of it runs in a thread, one command at a time; a socket that is silent for a
minute ends it.
"""

import asyncio
import contextlib
import imaplib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from imapclient.exceptions import LoginError
from imapclient.imapclient import DRAFTS, IMAPClient

from activities.services.service import Service
from activities.services.web import trusting
from contracts import shown
from contracts.errors import AccessRefused, BadInput, NotFound, ServiceBusy, StrangeReply

SECONDS = 60.0
PATIENCE = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[THROTTLED]", "[OVERQUOTA]")  # RFC 5530, and what some add
WINDOW = 50_000  # UIDs that are asked for at once
Result = TypeVar("Result")


@dataclass(frozen=True)
class Folder:
    """One that was selected. `validity`: UIDs mean the same as long as this does. `next_uid`: above all that are there.
    `keywords`: whether keywords of our own stay."""

    name: str
    validity: int
    next_uid: int
    keywords: bool


class Mailbox:
    """One account, signed in, for the length of one activity. Methods without `async` are for `run`."""

    def __init__(self, service: Service, client: IMAPClient) -> None:
        self.service, self.client = service, client
        self._one_at_a_time = asyncio.Lock()

    async def run(self, act: Callable[..., Result], *given: Any) -> Result:
        """Something that talks to the server, in a thread. ServiceBusy, AccessRefused, StrangeReply, as of any."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._run, act, given)

    def _run(self, act: Callable[..., Result], given: Sequence[Any]) -> Result:
        with explained(self.service):
            return act(*given)

    def select(self, name: str, *, writing: bool = False) -> Folder:
        """Go into a folder. NotFound."""
        try:
            told = self.client.select_folder(name, readonly=not writing)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise NotFound(
                f"{self.service.name} has no folder {shown.spelt(name)!r}, or doesn't show it to us.",
                subject=name,
                way_out="Name one of: " + ", ".join(self.folders())[:500],
            ) from error
        validity, following = told.get(b"UIDVALIDITY"), told.get(b"UIDNEXT")
        if not isinstance(validity, int):
            raise StrangeReply(f"{self.service.name} doesn't say what its numbers of mails mean.", subject=name)
        if not isinstance(following, int):
            following = max(self.client.search(["UID", "*"]), default=0) + 1
        return Folder(name, validity, following, b"\\*" in told.get(b"PERMANENTFLAGS", ()))

    def folders(self) -> list[str]:
        """Those that hold mails of customers: none that is special, as drafts and junk are."""
        listed = self.client.list_folders()
        return [str(name) for flags, _, name in listed if not {each.lower() for each in flags} & SPECIAL]

    def after(self, folder: Folder, uid: int, most: int) -> tuple[list[int], bool]:
        """The next mails' UIDs after that one, and whether there are more."""
        found, start = list[int](), uid + 1
        while start < folder.next_uid and len(found) <= most:
            stop = min(start + WINDOW, folder.next_uid) - 1
            said = self.client.search(["UID", f"{start}:{stop}"])
            found += sorted(each for each in said if start <= each <= stop)
            start = stop + 1
        return found[:most], len(found) > most

    def has(self, folder: str, header: str, value: str) -> list[int]:
        """UIDs of mails in a folder with that header; the folder is the selected one afterwards."""
        self.select(folder)
        return [int(each) for each in self.client.search(["HEADER", header, value])]

    def special(self, which: bytes, name: str) -> str:
        """The folder of drafts, or of what was sent. BadInput where there is none."""
        found = self.client.find_special_folder(which)
        if not found:
            raise BadInput(
                f"{self.service.name} has no folder of {name}.",
                subject=self.service.place,
                way_out=f"Make a folder {name.capitalize()!r} there.",
            )
        return str(found)

    @property
    def drafts(self) -> str:
        return self.special(DRAFTS, "drafts")


SPECIAL = {b"\\noselect", b"\\drafts", b"\\sent", b"\\trash", b"\\junk", b"\\all", b"\\flagged", b"\\archive"}


@asynccontextmanager
async def connected(service: Service, authorities: Path | None) -> AsyncIterator[Mailbox]:
    """Signed in. AccessRefused, ServiceBusy; BadInput for a user or secret that isn't set."""
    if not service.user:
        raise BadInput(
            f"Nobody is named to sign in at {service.place} with.",
            subject=service.place,
            way_out=f"Set {service.setting}={service.host}=ana@example.com:NAME where the worker is started.",
        )
    secret, context = service.secret(), await asyncio.to_thread(trusting, authorities)
    client = await asyncio.to_thread(_signed_in, service, secret, context)
    try:
        yield Mailbox(service, client)
    finally:
        await asyncio.to_thread(_left, client)


def _signed_in(service: Service, secret: str, context: ssl.SSLContext) -> IMAPClient:
    with explained(service):
        client = IMAPClient(service.host, service.port, ssl_context=context, timeout=SECONDS)
        try:
            client.login(service.user, secret)
        except BaseException:
            client.shutdown()
            raise
        return client


def _left(client: IMAPClient) -> None:
    with contextlib.suppress(Exception):  # it has done its work, or failed and said so
        client.logout()


@contextlib.contextmanager
def explained(service: Service) -> Iterator[None]:
    """What IMAPClient raises, under the names of this house. What a server says may hold a secret, so it isn't told."""
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise AccessRefused(
            f"{service.name} has a certificate that no known authority vouches for.",
            subject=service.place,
            way_out="Name its authority's PEM file: COUNTERSIGN_EGRESS_AUTHORITIES=/path/to/ca.pem",
        ) from None
    except imaplib.IMAP4.abort:
        raise ServiceBusy(f"{service.name} ended the connection.", subject=service.place) from None
    except imaplib.IMAP4.error as error:
        if any(each in str(error).upper() for each in PATIENCE):
            raise ServiceBusy(f"{service.name} asks for patience.", subject=service.place) from None
        if isinstance(error, LoginError):
            what = f"{service.name} does not take the credential that it was given."
            raise AccessRefused(what, subject=service.place, way_out=service.way_in) from None
        raise StrangeReply(f"{service.name} refuses, or answers what is no IMAP.", subject=service.place) from None
    except TimeoutError:
        raise ServiceBusy(f"{service.name} takes too long.", subject=service.place) from None
    except OSError:
        raise ServiceBusy(f"{service.name} can not be reached.", subject=service.place) from None
    except (ValueError, TypeError, KeyError, IndexError, AssertionError, AttributeError):  # it parsed rubbish
        raise StrangeReply(f"{service.name} answers what is no IMAP.", subject=service.place) from None
