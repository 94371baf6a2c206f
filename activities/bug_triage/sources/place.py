"""Which source is meant: a file, `github:owner/name`, `gitlab:group/project`, `jira:PROJ`, `linear:TEAM`, and the issue
of it. The host is one that the operator named, whatever stands in the words.
"""

import re
from dataclasses import dataclass

from activities.services.repository import NAME, OWNER
from activities.services.service import NAMES, Kind, Service, Services
from contracts.errors import BadInput

SHORT = re.compile(r"(github|gitlab|jira|linear):(.*)", re.DOTALL)
PROJECT = r"[A-Za-z][A-Za-z0-9_]{0,30}"
FORMS: dict[str, str] = {
    "github": rf"{OWNER}/{NAME}",
    "gitlab": r"[A-Za-z0-9_][\w.-]{0,100}(?:/[A-Za-z0-9_][\w.-]{0,100}){1,9}",
    "jira": PROJECT,
    "linear": PROJECT,
}
EXAMPLES = "github:owner/name, gitlab:group/project, jira:PROJ, linear:TEAM, or a file (JSON Lines or CSV)"


@dataclass(frozen=True)
class Place:
    """A source. `service` is None for a file, and `what` its path; else the repository, project or team there."""

    service: Service | None
    what: str

    @property
    def kind(self) -> str:
        return self.service.kind if self.service else "file"

    def __str__(self) -> str:
        """The same for every spelling, and a spelling itself."""
        if self.service is None:
            return self.what
        plain = self.service.place in ("github.com", "gitlab.com") or self.kind == "linear"
        return f"{self.kind}:{'' if plain else f'{self.service.place}/'}{self.what}"

    def key(self, number: str) -> str:
        """The key of the issue with that number, or with that key of the service's own."""
        if self.service is None:
            return number
        return f"{self}#{number}" if self.kind in ("github", "gitlab") else f"{self.kind}:{self._at}{number}"

    @property
    def _at(self) -> str:
        assert self.service is not None
        return "" if self.kind == "linear" else f"{self.service.place}/"

    def number(self, key: str) -> str:
        """The number or key that the service knows the issue by."""
        return key.rpartition("#" if self.kind in ("github", "gitlab") else "/")[2].removeprefix("linear:")

    @property
    def owner_and_name(self) -> tuple[str, str]:
        owner, _, name = self.what.partition("/")
        return owner, name


def place_of(source: str, services: Services) -> Place:
    """The place. BadInput, naming the forms there are or the setting that is missing."""
    found = SHORT.fullmatch(source.strip())
    if found is None:
        return Place(None, source)
    kind, what = _kind(found[1]), found[2].strip()
    known = services.of(kind)
    for number, service in enumerate(known):
        rest = what.removeprefix(f"{service.place}/")
        if re.fullmatch(FORMS[kind], rest) and (rest != what or number == 0):
            return Place(service, rest.upper() if kind in ("jira", "linear") else rest.lower())
    if not known:
        raise BadInput(
            f"No issues are read from {NAMES[kind]}.",
            subject=source,
            way_out=f"Set COUNTERSIGN_{kind.upper()}=host where the workers are started.",
        )
    raise BadInput(f"{source!r} names no source of issues.", subject=source, way_out=f"Write {EXAMPLES}.")


def _kind(text: str) -> Kind:
    return next(kind for kind in NAMES if kind == text)


def one_key(place: Place, issue: str) -> str:
    """The key of the one issue that was asked for, however it was written: `12`, `#12`, `PROJ-12`, a whole key."""
    asked = issue.strip()
    if place.service is None or asked.startswith(f"{place.kind}:"):
        return asked
    return place.key(asked.removeprefix("#").upper() if place.kind in ("jira", "linear") else asked.removeprefix("#"))
