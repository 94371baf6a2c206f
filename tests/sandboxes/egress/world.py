"""What brokers are tried on: a host, and names that lead to it."""

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contracts.policy import Allow, SandboxPolicy
from sandboxes import Bubblewrap
from sandboxes.bubblewrap import BubblewrapSandbox
from sandboxes.egress import Egress, Operator, Request
from sandboxes.protocol import Result
from tests.support.tls_host import Answer, Host, authority, serving

__all__ = ["Answer", "Host", "World", "authority", "curl", "raw", "said", "serving"]

SECRET = "sentinel-token-5150"
VARIABLE = "EGRESS_TEST_TOKEN"
PYTHON = "/usr/bin/python3"
NAMES = ("api.test", "other.test", "index.test")


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
        own = {(name, self.port) for name in NAMES}
        credentials = {((name, self.port), VARIABLE) for name in ("api.test", "git.test")}
        operator = Operator(frozenset(own | self.private), self.ca, frozenset(credentials))
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
