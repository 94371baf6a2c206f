"""What brokers are tried on: an authority of the test's own, hosts with its certificates, names that lead to them."""

import asyncio
import ipaddress
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

from contracts.policy import Allow, SandboxPolicy
from sandboxes import Bubblewrap
from sandboxes.bubblewrap import BubblewrapSandbox
from sandboxes.egress import Egress, Operator, Request
from sandboxes.protocol import Result

SECRET = "sentinel-token-5150"
VARIABLE = "EGRESS_TEST_TOKEN"
PYTHON = "/usr/bin/python3"
NAMES = ("api.test", "other.test", "index.test", "git.test")


def authority(folder: Path, names: Sequence[str] = NAMES) -> tuple[Path, Path]:
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


@dataclass
class World:
    """A host, and brokers that find it under its names."""

    folder: Path
    ca: Path
    pem: Path
    host: Host
    told: list[Request] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    private: set[tuple[str, int]] = field(default_factory=set)

    @property
    def port(self) -> int:
        return self.host.port

    def url(self, path: str = "/", host: str = "api.test") -> str:
        return f"http://{host}:{self.port}{path}"

    def entry(self, host: str = "api.test", **named: object) -> Allow:
        return Allow.model_validate({"host": host, "port": self.port, **named})

    async def tell(self, request: Request) -> None:
        self.told.append(request)

    async def ask(self, host: str, port: int) -> list[str]:
        """The resolver."""
        self.asked.append(host)
        found = self.names.get(host, ["127.0.0.1"])
        return [str(ipaddress.ip_address(each)) for each in found]

    def egress(self) -> Egress:
        place = ("api.test", self.port)
        own = {(name, self.port) for name in NAMES}
        operator = Operator(frozenset(own | self.private), self.ca, frozenset({(place, VARIABLE)}))
        return Egress(self.tell, operator, ask=self.ask)

    @asynccontextmanager
    async def box(self, provider: Bubblewrap, *allow: Allow, **named: object) -> AsyncIterator[BubblewrapSandbox]:
        """A sandbox with a list. By default it has what `provider` has, and this world's broker."""
        policy = SandboxPolicy.model_validate({"network": "allow", "allow": allow, "wall_seconds": 30, **named})
        egress = self.egress()
        try:
            async with await Bubblewrap(provider.folder, egress).create(policy, owner="run-1") as box:
                yield box
        finally:
            egress.close()

    def over(self) -> list[Request]:
        """What was told of requests that are over, in their order."""
        return sorted((each for each in self.told if each.over), key=lambda each: each.number)


RAW = """
import socket, sys
s = socket.create_connection(("127.0.0.1", 3128), 10)
s.settimeout(float(sys.argv[1]))
s.sendall(sys.stdin.buffer.read())
try:
    while data := s.recv(65536):
        sys.stdout.buffer.write(data)
except (TimeoutError, ConnectionResetError):
    pass
"""


async def raw(box: BubblewrapSandbox, data: bytes, seconds: float = 5) -> bytes:
    """Exactly these bytes to the broker, and all that comes back until it closes or `seconds` pass without a byte."""
    result = await box.exec([PYTHON, "-c", RAW, str(seconds)], stdin=data)
    assert result.exit_code == 0, result.stderr.decode()
    return result.stdout


async def curl(box: BubblewrapSandbox, *argv: str, stdin: bytes | None = None) -> tuple[int, str]:
    """Status (0: none) and body, by curl with nothing but its environment."""
    result = await box.exec(["curl", "-sS", "-m", "20", "-w", "\n%{http_code}", *argv], stdin=stdin)
    body, _, status = result.stdout.decode(errors="replace").rpartition("\n")
    return int(status or 0), body


def said(result: Result) -> str:
    return (result.stdout + result.stderr).decode(errors="replace")
