"""Repositories of a GitHub that the operator named."""

import re
from dataclasses import dataclass

from activities.repositories.source import is_url, web_url
from activities.services.service import Service, Services
from contracts.urls import split

OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})"
NAME = r"(?!\.{1,2}(?![\w.-]))[A-Za-z0-9._-]{1,100}"


@dataclass(frozen=True)
class GitHubRepository:
    """`owner/name` there. GitHub does not tell upper from lower case, so two spellings may be the same one."""

    service: Service
    owner: str
    name: str

    @property
    def url(self) -> str:
        """What git clones."""
        return f"{self.service.web}/{self.owner}/{self.name}.git"

    @property
    def parts(self) -> dict[str, str]:
        """For the templates of paths, which escape them."""
        return {"owner": self.owner, "name": self.name}

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


def github_repository(repository: str, services: Services) -> GitHubRepository | None:
    """The repository behind git's URL, by `https://`, `ssh://` or `git@`; None where it is at no GitHub that we
    know. Of ssh the host alone counts: its port is another."""
    parts = split(web_url(repository)) if is_url(repository) else None
    if parts is None or not parts.hostname or repository.lower().startswith("http://"):
        return None
    found = re.fullmatch(rf"/({OWNER})/({NAME})", parts.path)
    port = parts.port or 443 if repository.lower().startswith("https://") else None
    for service in services.of("github"):
        if found and parts.hostname.lower() == service.host and port in (None, service.port):
            return GitHubRepository(service, found[1], found[2])
    return None
