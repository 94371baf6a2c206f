"""GitHub, through `gidgethub`: it knows the paths' templates, the headers, the pages and the errors, and leaves the
connection to us. It repeats nothing and follows no redirect."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gidgethub
from gidgethub import abc

from activities.services.repository import GitHubRepository
from activities.services.web import Web, reached
from contracts.errors import AccessRefused, BadInput, Moved, NotFound, StrangeReply

VERSION = "2022-11-28"  # of the API: every GitHub Enterprise Server in support knows it


class GitHub(abc.GitHubAPI):
    """GitHub's API over a `Web`."""

    def __init__(self, web: Web) -> None:
        super().__init__("countersign", oauth_token=web.secret or None, base_url=web.service.api)
        self.web = web

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        reply = await self.web.ask(method, url, {**headers, "x-github-api-version": VERSION}, body)
        return reply.status, reply.headers, reply.content

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError  # Temporal waits, and this process does other things meanwhile

    async def one(self, path: str, **parts: str) -> dict[str, Any]:
        """An object. Raises StrangeReply where it is none, and gidgethub's errors."""
        return self.is_object(await self.getitem(path, parts))

    async def some(self, path: str, most: int, **parts: str) -> list[dict[str, Any]]:
        """The first of a list's objects, from as many pages as that takes."""
        found: list[dict[str, Any]] = []
        async for each in self.getiter(path, parts):
            found.append(self.is_object(each))
            if len(found) >= most:
                break
        return found

    def is_object(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise StrangeReply(f"{self.web.service.name} answers with something else than asked for.")
        return value

    @contextmanager
    def explained(self, what: str, subject: str) -> Iterator[None]:
        """gidgethub's errors as ours. `what` can't be done with `subject`, as in "read the issue o/n#1"."""
        try:
            yield
        except gidgethub.RedirectionException as error:
            to = urlsplit(error.headers.get("location", "")).path
            raise Moved(
                f"{self.web.service.name} can't {what}: it has moved{f' to {self.web.quoted(to)}' if to else ''}.",
                subject=subject,
                way_out="Open it in a browser, and give the address that it has there.",
            ) from None
        except gidgethub.HTTPException as error:
            raise self._refused(error, what, subject) from None
        except (ValueError, LookupError, TypeError) as error:
            raise StrangeReply(
                f"{self.web.service.name} can't {what}: its answer can't be read ({type(error).__name__}).",
                subject=subject,
            ) from None

    def _refused(self, error: gidgethub.HTTPException, what: str, subject: str) -> Exception:
        service, said = self.web.service, self.web.quoted(error)
        if error.status_code in (404, 410):
            gone = "it was deleted" if error.status_code == 410 else "it isn't there, or not for us to see"
            way_out = "" if error.status_code == 410 else f"Check the address. {service.way_in}"
            return NotFound(f"{service.name} can't {what}: {gone}.", subject=subject, way_out=way_out)
        if error.status_code in (403, 451):
            return AccessRefused(f"{service.name} won't {what}: {said}.", subject=subject, way_out=service.way_in)
        return BadInput(f"{service.name} can't {what}: {said}.", subject=subject)


@asynccontextmanager
async def github(repository: GitHubRepository, authorities: Path | None) -> AsyncIterator[GitHub]:
    """The GitHub that a repository is at."""
    async with reached(repository.service, authorities) as web:
        yield GitHub(web)
