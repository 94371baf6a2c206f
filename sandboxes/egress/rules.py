"""What a request asks for, and whether the policy's list has it. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from contracts.policy import Allow, SandboxPolicy
from sandboxes.egress import words

_AUTHORITY = re.compile(r"(?P<host>[A-Za-z0-9._-]+)(:(?P<port>\d{1,5}))?")
_STEPS_ASIDE = re.compile(r"//|\\|%2e|%2f|%5c|%00|/\.\.?(/|;|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A request as the sandbox put it. `target` is path and query; both are empty for a tunnel."""

    method: str
    host: str
    port: int
    target: str = ""

    @property
    def path(self) -> str:
        """Without the query, which may hold anything."""
        return self.target.split("?", 1)[0]


def asked(method: str, target: str, hosts: list[str]) -> Asked:
    """Of a request line and the Host header. Raises Denied for what a forward proxy isn't asked."""
    if method == "CONNECT":
        host, port = _authority(target, 0)
        _same(hosts, (host, port), port)
        return Asked(method, host, port)
    if not target.lower().startswith(("http://", "https://")):
        raise words.malformed("this is a forward proxy; set HTTP_PROXY and ask for http://host/path")
    if "#" in target:
        raise words.malformed("its target has a fragment")
    parts = urlsplit(target)
    usual = 443 if parts.scheme == "https" else 80
    host, port = _authority(parts.netloc, usual)
    _same(hosts, (host, port), usual)
    rest = target.split("://", 1)[1][len(parts.netloc) :]
    return Asked(method, host, port, rest if rest.startswith("/") else "/" + rest)


def _authority(text: str, usual: int) -> tuple[str, int]:
    if text.startswith("["):
        raise words.literal(text.split("]")[0][1:40])
    found = _AUTHORITY.fullmatch(text)
    port = int(found["port"] or usual) if found else 0
    if not found or not 0 < port < 65536:
        raise words.malformed("its target names no host and port")
    return found["host"].lower(), port


def _same(hosts: list[str], wanted: tuple[str, int], usual: int) -> None:
    """Two answers to the question of who is asked are one too many."""
    if any(_authority(each, usual) != wanted for each in hosts):
        raise words.malformed("its Host header is not the host of its target")


@dataclass(frozen=True)
class Rules:
    """A policy's list."""

    policy: SandboxPolicy

    def entry(self, request: Asked) -> Allow:
        """The entry that lets a request through. Raises Denied, which says what would have to be listed."""
        tunnel = request.method == "CONNECT"
        found = self._find(request.host, request.port, tunnel)
        if found is None and request.port == 80 and not tunnel:
            found = self._find(request.host, 443, tunnel=False)  # the broker adds TLS
        if found is None:
            raise self._why_not(request, tunnel)
        if not tunnel:
            _require(found, request)
        return found

    def _find(self, host: str, port: int, tunnel: bool) -> Allow | None:
        wanted = (host, port, tunnel)
        return next((each for each in self.policy.allow if (each.host, each.port, each.tunnel) == wanted), None)

    def _why_not(self, request: Asked, tunnel: bool) -> words.Denied:
        if _is_address(request.host):
            return words.literal(request.host)
        ports = (request.port, 443) if request.port == 80 else (request.port,)
        other = next(filter(None, (self._find(request.host, port, not tunnel) for port in ports)), None)
        if other:
            return words.no_tunnel(other) if tunnel else words.tunnel_only(other)
        return words.unlisted(request.host, request.port, self.policy)


def _require(entry: Allow, request: Asked) -> None:
    if request.method not in entry.methods:
        raise words.method(request.method, entry)
    if "/" in entry.paths:
        return
    # Servers differ in what they make of these, so a listed path can't be told from another one.
    if _STEPS_ASIDE.search(request.path):
        raise words.path(entry)
    if not any(request.path == each or (each.endswith("/") and request.path.startswith(each)) for each in entry.paths):
        raise words.path(entry)


def _is_address(host: str) -> bool:
    """Also the shorter spellings that a C library takes: 127.1, 0x7f000001, 2130706433."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return re.fullmatch(r"(0x[0-9a-f]*|\d+)", host.rsplit(".", 1)[-1]) is not None
    return True
