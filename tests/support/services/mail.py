"""A real IMAP server (pymap, in memory) over TLS, in the test's own process."""

import asyncio
import ssl
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from imapclient import IMAPClient
from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.backend.mailbox import MailboxDataInterface
from pymap.imap import IMAPServer
from pymap.parsing.specials.flag import Wildcard
from pysasl.hashing import Cleartext

USER, PASSWORD = "help@shop.example", "sentinel-mail-4455"


@dataclass
class MailServer:
    """`folders` are there from the beginning, beside INBOX."""

    port: int
    authority: Path

    @property
    def place(self) -> str:
        return f"localhost:{self.port}"

    def client(self) -> IMAPClient:
        """As the team's own mail program is signed in. Talks only from another thread than the server's."""
        context = ssl.create_default_context(cafile=str(self.authority))
        client = IMAPClient("localhost", self.port, ssl_context=context, timeout=20)
        client.login(USER, PASSWORD)
        return client

    def put(self, folder: str, mails: Sequence[bytes], flags: Sequence[bytes] = ()) -> None:
        with self.client() as client:
            for each in mails:
                client.append(folder, each, flags)

    def make(self, folders: Sequence[str]) -> None:
        with self.client() as client:
            for each in folders:
                client.create_folder(each)

    def all(self, folder: str) -> list[tuple[bytes, tuple[bytes, ...]]]:
        """Each mail with its flags."""
        with self.client() as client:
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(), [b"BODY.PEEK[]", b"FLAGS"])
            return [(each[b"BODY[]"], each[b"FLAGS"]) for _, each in sorted(found.items())]


@asynccontextmanager
async def mail_server(ca: Path, pem: Path) -> AsyncIterator[MailServer]:
    arguments = Namespace(demo_data=False, demo_user=USER, demo_password=PASSWORD)
    for name in ("host", "port", "cert", "key", "tls", "proxy_protocol", "inherited_sockets", "passlib_cfg"):
        setattr(arguments, name, None)
    arguments.debug = False
    backend, config = await DictBackend.init(arguments, hash_context=Cleartext(), invalid_user_sleep=0)
    config.apply_context()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    answer = ProxyProtocolReader(ProxyProtocolNoop()).get_callback(IMAPServer(backend.login, config))
    async with await asyncio.start_server(answer, "localhost", 0, ssl=context) as server:
        yield MailServer(server.sockets[0].getsockname()[1], ca)


def keeping_keywords(monkeypatch: object) -> None:
    """As most servers do: keywords of a client's own stay with a mail."""
    kept = MailboxDataInterface.permanent_flags
    both = property(lambda box: kept.fget(box) | {Wildcard})  # type: ignore[misc]
    monkeypatch.setattr(MailboxDataInterface, "permanent_flags", both)  # type: ignore[attr-defined]
