"""What the operator of a worker settles, and no workflow's policy can: private hosts, authorities, credentials.

A policy names the variable whose value goes to a host. Which variables may go to which hosts at all is said here:
a policy that asks for another is refused, so that no workflow can send a model's key to a host of its own.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.errors import BadInput
from contracts.policy import Allow

_HOST = re.compile(r"(?P<host>[a-z0-9.-]*[a-z][a-z0-9-]*)(:(?P<port>\d{1,5}))?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SHORTEST = 8  # answers are searched for it: a shorter word would be found anywhere
GIT_USER = "x-access-token"  # GitHub's word for "the password is a token"; GitLab, Gitea and others take any

Place = tuple[str, int]


@dataclass(frozen=True)
class Credential:
    """A secret by the name of its variable, and the user that it is a password of."""

    name: str
    user: str = GIT_USER


@dataclass(frozen=True)
class Operator:
    """`private`: hosts on addresses that aren't public. `authorities`: a file with more certificate authorities.
    `credentials`: which variables may go where."""

    private: frozenset[Place] = frozenset()
    authorities: Path | None = None
    credentials: frozenset[tuple[Place, str]] = field(default=frozenset())

    def secret(self, entry: Allow) -> str:
        """The value of an entry's credential, out of the worker's environment; empty if it has none.

        Raises BadInput where it isn't set, or may not go there.
        """
        if not entry.credential:
            return ""
        at = f"{entry.host}:{entry.port}"
        if ((entry.host, entry.port), entry.credential) not in self.credentials:
            raise BadInput(
                f"The credential {entry.credential} may not go to {at}.",
                subject=entry.credential,
                way_out=f"The operator can allow it: COUNTERSIGN_EGRESS_CREDENTIALS={at}={entry.credential}",
            )
        value = os.environ.get(entry.credential, "").strip()
        if len(value) < SHORTEST or not value.isprintable() or not value.isascii():
            raise BadInput(
                f"The credential {entry.credential} for {at} is not set to a line of {SHORTEST} letters or more.",
                subject=entry.credential,
                way_out=f"Set {entry.credential} where the worker is started.",
            )
        return value


def places(text: str, setting: str) -> frozenset[Place]:
    """`host:port,host` as pairs; without a port it is 443. Raises BadInput."""
    return frozenset(_place(part, setting) for part in _parts(text))


def named(text: str, setting: str) -> frozenset[tuple[Place, str]]:
    """`host=NAME,host:port=NAME`. Raises BadInput."""
    return frozenset((place, found.name) for place, found in _pairs(text, setting))


def git_credentials(text: str, setting: str) -> Mapping[Place, Credential]:
    """`host=NAME,host:port=user:NAME`. Raises BadInput."""
    return dict(_pairs(text, setting))


def _pairs(text: str, setting: str) -> Iterator[tuple[Place, Credential]]:
    for part in _parts(text):
        where, _, what = part.partition("=")
        user, _, name = what.rpartition(":")
        if not _NAME.fullmatch(name) or not re.fullmatch(r"[\w.@+-]*", user):
            raise BadInput(
                f"{setting}: {part!r} does not name a variable.",
                subject=setting,
                way_out="Write host=NAME or host:port=user:NAME, with the name of the variable that has the secret.",
            )
        if name.upper().startswith("COUNTERSIGN_"):
            raise BadInput(
                f"{setting}: {name} would be seen by every process of the platform.",
                subject=setting,
                way_out="Give the variable a name that does not begin with COUNTERSIGN_.",
            )
        yield _place(where, setting), Credential(name, user or GIT_USER)


def _place(text: str, setting: str) -> Place:
    found = _HOST.fullmatch(text)
    port = int(found["port"] or 443) if found else 0
    if not found or not 0 < port < 65536:
        raise BadInput(
            f"{setting}: {text!r} is not a host's exact name with a port.",
            subject=setting,
            way_out="Write names and not addresses, without wildcards: registry.example.com:443",
        )
    return found["host"], port


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
