"""Servers with TLS for tests: an authority of the test's own, and a host that keeps what it is asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def authority(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """An authority's certificate, and a file with key and certificate of a server with all the names."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Test Authority", ca_key, "Test Authority", ca_key, [], is_ca=True)
    server = _certificate(names[0], key, "Test Authority", ca_key, names, is_ca=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + server.public_bytes(pem))
    return folder / "ca.pem", folder / "server.pem"


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    *,
    is_ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False)
    return builder.sign(issuer_key, hashes.SHA256())


@dataclass
class Seen:
    """A request as it reached a host."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class Answer:
    """What a host says, and after how long."""

    body: bytes = b"hello"
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    delay: float = 0
    pause: float = 0  # between the head and the body


Act = Callable[[Seen], Answer]


@dataclass
class Host:
    """A server with TLS on 127.0.0.1 that keeps what it is asked."""

    port: int = 0
    act: Act = field(default=lambda seen: Answer())
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        http = h11.Connection(h11.SERVER)
        try:
            while (seen := await self._next(http, reader, writer)) is not None:
                self.seen.append(seen)
                await self._answer(http, writer, self.act(seen))
                if http.our_state is not h11.DONE:
                    break
                http.start_next_cycle()
        except (OSError, h11.ProtocolError):
            pass
        finally:
            writer.close()

    async def _next(
        self, http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Seen | None:
        seen: Seen | None = None
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                headers = [(key.decode(), value.decode()) for key, value in event.headers.raw_items()]
                seen = Seen(event.method.decode(), event.target.decode(), headers, b"")
            elif isinstance(event, h11.Data):
                assert seen
                seen.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return seen
            else:
                return None

    async def _answer(self, http: h11.Connection, writer: asyncio.StreamWriter, answer: Answer) -> None:
        await asyncio.sleep(answer.delay)
        writer.write(http.send(h11.Response(status_code=answer.status, headers=answer.headers)) or b"")
        await asyncio.sleep(answer.pause)
        for start in range(0, len(answer.body), 65536):
            writer.write(http.send(h11.Data(data=answer.body[start : start + 65536])) or b"")
            await writer.drain()
        writer.write(http.send(h11.EndOfMessage()) or b"")
        await writer.drain()


@asynccontextmanager
async def serving(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], pem: Path | None
) -> AsyncIterator[int]:
    """A listener on 127.0.0.1, with TLS where there is a certificate; its port."""
    context = None
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
