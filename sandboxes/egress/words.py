"""What a broker says when it refuses: an agent can act on it, and nothing in it is secret."""

from collections.abc import Iterable
from typing import Literal

from contracts.policy import Allow, SandboxPolicy

MARK = "countersign egress:"


Decision = Literal["allowed", "refused", "cut", "failed"]


class Denied(Exception):
    """A request that isn't let through ("refused"), is ended on its way ("cut") or can't be had ("failed").

    `why` is for the ledger and the answer, `way_out` for the answer only.
    """

    def __init__(self, why: str, way_out: str = "", *, status: int = 403, decision: Decision = "refused") -> None:
        super().__init__(why)
        self.decision = decision
        self.why = why
        self.way_out = way_out
        self.status = status

    @property
    def text(self) -> str:
        return f"{MARK} {self.why} {self.way_out}".strip() + "\n"


def malformed(why: str, status: int = 400) -> Denied:
    return Denied(f"The request can't be passed on: {why}.", status=status)


def unlisted(host: str, port: int, policy: SandboxPolicy) -> Denied:
    listed = ", ".join(sorted({f"{entry.host}:{entry.port}" for entry in policy.allow})) or "nothing"
    return Denied(
        f"{host}:{port} is not on this sandbox's allow-list.",
        f"It has: {listed}. To extend it, add `{_entry(host, port)}` to `allow` in the workflow's SandboxPolicy.",
    )


def literal(host: str) -> Denied:
    return Denied(f"{host} is an address; only names can be allowed.", "Ask by the host's name.")


def method(name: str, entry: Allow) -> Denied:
    allowed = ", ".join(entry.methods)
    return Denied(
        f"{name} is not allowed at {entry.host}:{entry.port}, only {allowed}.",
        f'Add "{name}" to `methods` of its entry in `allow` in the workflow\'s SandboxPolicy.',
    )


def path(entry: Allow) -> Denied:
    return Denied(
        f"This path is not allowed at {entry.host}:{entry.port}, only {', '.join(entry.paths)}.",
        "Extend `paths` of its entry in `allow` in the workflow's SandboxPolicy.",
    )


def tunnel_only(entry: Allow) -> Denied:
    return Denied(
        f"{entry.host}:{entry.port} is allowed as a tunnel only.",
        f"Ask for https://{entry.host}/ with HTTPS_PROXY, or list it without `tunnel`.",
    )


def no_tunnel(entry: Allow) -> Denied:
    at = entry.host if entry.port == 443 else f"{entry.host}:{entry.port}"
    return Denied(
        f"{entry.host}:{entry.port} is allowed for plain requests only, not as a tunnel.",
        f"Ask for http://{at}/ with HTTP_PROXY: the broker adds TLS. Or list it with `tunnel=True`.",
    )


def not_public(host: str) -> Denied:
    return Denied(
        f"{host} resolves to an address that isn't public.",
        "If it is a service of your own, the operator can name it in COUNTERSIGN_EGRESS_PRIVATE.",
    )


def unresolved(host: str) -> Denied:
    return Denied(f"{host} can't be resolved.", "Check the name; try again later.", status=502, decision="failed")


def spent(limit: int, decision: Decision = "refused") -> Denied:
    return Denied(
        f"This sandbox has used up its {limit:,} bytes of traffic.",
        "Raise `egress_bytes` in the workflow's SandboxPolicy.",
        decision=decision,
    )


def repeated(host: str) -> Denied:
    return Denied(f"The answer of {host} repeats the credential, and is kept back.", status=502, decision="cut")


def upstream(host: str, what: str, *, status: int = 502) -> Denied:
    return Denied(f"{host} {what}.", "Try again later.", status=status, decision="failed")


def heard(lines: Iterable[str]) -> str:
    """What a broker said, out of what git prints of an answer (`remote: …`); empty if it said nothing."""
    return " ".join(line.split(MARK, 1)[1].strip() for line in lines if MARK in line)


def _entry(host: str, port: int) -> str:
    return f'Allow(host="{host}")' if port in (80, 443) else f'Allow(host="{host}", port={port})'
