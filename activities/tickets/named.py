"""Which ticket is meant: `github:owner/name#12`, `gitlab:group/project#12`, `linear:ABC-12`, `jira:ABC-12`, or the URL
of one.

A URL is only a way to write these. The request goes to the service that the operator named, whatever host stands in
the URL; one that stands in no setting is refused.
"""

import re
from dataclasses import dataclass

from activities.services.repository import NAME, OWNER, GitHubRepository
from activities.services.service import NAMES, Kind, Service, Services
from contracts.errors import BadInput
from contracts.urls import carries_secret, split

KEY = r"[A-Za-z][A-Za-z0-9_]{0,30}-[0-9]{1,9}"
NUMBER = r"[0-9]{1,10}"
PROJECT = r"[A-Za-z0-9_][\w.-]{0,100}(?:/[A-Za-z0-9_][\w.-]{0,100}){1,9}"  # of GitLab: groups in groups
LINEAR_WEB = "linear.app"
READ = ("github", "gitlab", "jira")  # by the URL of a ticket at that host; Linear's pages have a host of their own
SHORT = re.compile(r"(github|gitlab|linear|jira):(.*)", re.DOTALL)
FORMS = {
    "github": "github:owner/name#12, or https://github.com/owner/name/issues/12",
    "gitlab": "gitlab:group/project#12, or https://gitlab.com/group/project/-/issues/12",
    "linear": "linear:ABC-12, or https://linear.app/workspace/issue/ABC-12",
    "jira": "jira:ABC-12, or https://acme.atlassian.net/browse/ABC-12",
}
SETTINGS: dict[Kind, str] = {kind: f"COUNTERSIGN_{kind.upper()}" for kind in NAMES}


@dataclass(frozen=True)
class Named:
    """A ticket of a service. `number` or `key` says which; `project` is GitLab's, with its groups; `workspace` is
    Linear's, where a URL told it."""

    service: Service
    repository: GitHubRepository | None = None
    number: int = 0
    key: str = ""
    workspace: str = ""
    project: str = ""

    def __str__(self) -> str:
        """The same for every spelling, and a spelling itself."""
        plain = self.service.place in ("github.com", "gitlab.com") or self.service.kind == "linear"
        where = "" if plain else f"{self.service.place}/"
        what = str(self.repository).lower() if self.repository else self.project
        what = f"{what}#{self.number}" if what else self.key
        return f"{self.service.kind}:{where}{what}"


def is_elsewhere(ticket: str) -> bool:
    """Whether this is a ticket of a service, and no file of this host."""
    return SHORT.match(ticket) is not None or re.match(r"https?://", ticket, re.IGNORECASE) is not None


def named(ticket: str, services: Services) -> Named:
    """The ticket that is meant. BadInput, naming the forms there are or the setting that is missing."""
    if found := SHORT.fullmatch(ticket.strip()):
        return _short(ticket, found[1], found[2].strip(), services)  # type: ignore[arg-type]
    return _url(ticket.strip(), services)


def _short(ticket: str, kind: Kind, what: str, services: Services) -> Named:
    if kind == "gitlab":
        return _of_gitlab(ticket, what, services)
    where, _, rest = what.rpartition("/") if kind != "github" else ("", "", what)
    if kind == "github" and what.count("/") == 2:
        where, _, rest = what.partition("/")
    pattern = rf"({OWNER})/({NAME})#({NUMBER})" if kind == "github" else KEY
    found = re.fullmatch(pattern, rest)
    if not found or (kind == "linear" and where):
        raise _unreadable(ticket, kind)
    service = next((each for each in services.of(kind) if where in ("", each.place)), None)
    if service is None:
        raise _unknown(ticket, kind, where)
    if kind == "github":
        return Named(service, GitHubRepository(service, found[1], found[2]), int(found[3]))
    return Named(service, key=rest.upper())


def _of_gitlab(ticket: str, what: str, services: Services) -> Named:
    """With the host before it, or at the first that is known."""
    known = services.of("gitlab")
    for number, service in enumerate(known):
        rest = what.removeprefix(f"{service.place}/")
        found = re.fullmatch(rf"({PROJECT})#({NUMBER})", rest)
        if found and (rest != what or number == 0):
            return Named(service, project=found[1].lower(), number=int(found[2]))
    raise _unreadable(ticket, "gitlab") if known else _unknown(ticket, "gitlab", "")


def _url(ticket: str, services: Services) -> Named:
    parts = split(ticket)
    if carries_secret(ticket):
        raise BadInput(
            "The ticket's URL carries a password or token, which would end up in histories and logs.",
            way_out="Take it out: COUNTERSIGN_TICKET_CREDENTIALS=host=NAME names the variable that holds it.",
        )
    if parts is None or parts.scheme.lower() != "https" or not parts.hostname:
        raise BadInput(f"{ticket!r} is not the https URL of a ticket.", subject=ticket, way_out=_forms())
    host, port = parts.hostname.lower(), parts.port or 443
    if host == LINEAR_WEB and port == 443:
        return _linear(ticket, parts.path, services)
    for service in services.all:
        if (service.host, service.port) != (host, port) or service.kind not in READ:
            continue
        found = _issue(service, parts.path, parts.query)
        if found:
            return found
        raise _unreadable(ticket, service.kind)
    raise BadInput(
        f"No tickets are read from {host if port == 443 else f'{host}:{port}'}.",
        subject=ticket,
        way_out="If it may be asked, name it in COUNTERSIGN_GITHUB, COUNTERSIGN_GITLAB or COUNTERSIGN_JIRA where the "
        "worker is started.",
    )


def _issue(service: Service, path: str, query: str) -> Named | None:
    if service.kind == "jira":
        asked = re.search(rf"(?:^|&)selectedIssue=({KEY})(?:&|$)", query)
        found = re.fullmatch(rf"{re.escape(service.path)}/browse/({KEY})/?", path) or asked
        return Named(service, key=found[1].upper()) if found and path.startswith(f"{service.path}/") else None
    if service.kind == "gitlab":
        found = re.fullmatch(rf"/({PROJECT})/-/(?:issues|work_items)/({NUMBER})/?", path)
        return Named(service, project=found[1].lower(), number=int(found[2])) if found else None
    found = re.fullmatch(rf"/({OWNER})/({NAME})/(?:issues|pull)/({NUMBER})/?", path)
    return Named(service, GitHubRepository(service, found[1], found[2]), int(found[3])) if found else None


def _linear(ticket: str, path: str, services: Services) -> Named:
    found = re.fullmatch(rf"/([\w-]{{1,100}})/issue/({KEY})(?:/[^/]*)?/?", path, re.ASCII)
    if not found:
        raise _unreadable(ticket, "linear")
    service = next(iter(services.of("linear")), None)
    if service is None:
        raise _unknown(ticket, "linear", "")
    return Named(service, key=found[2].upper(), workspace=found[1].lower())


def _unreadable(ticket: str, kind: Kind) -> BadInput:
    return BadInput(f"{ticket!r} names no ticket of {NAMES[kind]}.", subject=ticket, way_out=f"Write {FORMS[kind]}.")


def _unknown(ticket: str, kind: Kind, where: str) -> BadInput:
    at = f" at {where}" if where else ""
    return BadInput(
        f"No tickets are read from {NAMES[kind]}{at}.",
        subject=ticket,
        way_out=f"Set {SETTINGS[kind]}={where or 'host'} where the worker is started.",
    )


def _forms() -> str:
    return f"Write {'; '.join(FORMS.values())}; or a file."
