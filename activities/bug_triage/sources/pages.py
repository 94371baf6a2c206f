"""A long list, page by page: each page is kept before the next is asked for, so that an attempt which dies or is told
to wait goes on where it was."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from activities.bug_triage import texts
from activities.bug_triage.sources.rows import MOST_TITLE, moment
from activities.progress import Progress
from activities.services.web import TooLarge
from contracts.base import Contract
from contracts.bugs import Issue
from ledger import ArtifactStore

MOST = 50_000
MOST_PAGES = 2_000
MOST_CHANGED = 20  # pages of what changed: where there are more, all is read again, which goes on after a death
PER_PAGE = 100
FEWER = 10  # times, where a page is larger than is read


class Page(Contract):
    """Issues of one page, and where the next one is; empty: there is none. `newest`: the last change of any of them, by
    the source's clock. `names`: what people are called, by what the source uses."""

    issues: tuple[Issue, ...]
    next: str = ""
    newest: datetime | None = None
    names: dict[str, str] = Field(default_factory=dict)


Ask = Callable[[str, int], Awaitable[Page]]


@dataclass
class Read:
    """What was read of a source. `is_all`: nothing of what was asked for is left."""

    issues: dict[str, Issue] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    newest: datetime | None = None
    is_all: bool = True

    def take(self, page: Page) -> None:
        """Of an issue that comes twice, as where a list grows meanwhile, the later reading counts."""
        self.issues |= {issue.key: issue for issue in page.issues}
        self.names |= page.names
        self.newest = later(self.newest, page.newest)


async def all_pages(ask: Ask, told: Progress, store: ArtifactStore, where: str) -> Read:
    """The issues of all pages. `ask` is given the cursor of a page, first the empty one, and how many it may have."""
    found, cursor = await _kept(told, store)
    for _ in range(MOST_PAGES):
        if cursor is None or len(found.issues) >= MOST:
            break
        page = await _page(ask, cursor, PER_PAGE)
        told.kept = (*told.kept, await asyncio.to_thread(store.put_model, page))
        found.take(page)
        told.says = f"reading issues of {where}: {len(found.issues):,} so far"
        told.beat_once()
        cursor = page.next or None
    found.is_all = cursor is None
    return found


async def changed_pages(ask: Ask, told: Progress, where: str) -> Read:
    """The issues of a list that is short most times. Not kept: an attempt that dies asks again for what changed."""
    found, cursor = Read(), ""
    for _ in range(MOST_CHANGED):
        page = await _page(ask, cursor, PER_PAGE)
        found.take(page)
        told.says = f"reading what changed of {where}: {len(found.issues):,} so far"
        cursor = page.next
        if not cursor:
            return found
    found.is_all = False
    return found


async def _page(ask: Ask, cursor: str, size: int) -> Page:
    """The page; where it is larger than is read, in tenths. TooLarge where one issue alone is."""
    try:
        return await ask(cursor, size)
    except TooLarge:
        if size == 1:
            raise
    whole = Read()
    for _ in range(FEWER):
        page = await _page(ask, cursor, size // FEWER)
        whole.take(page)
        cursor = page.next
        if not cursor:
            break
    return Page(issues=tuple(whole.issues.values()), next=cursor, newest=whole.newest, names=whole.names)


async def _kept(told: Progress, store: ArtifactStore) -> tuple[Read, str | None]:
    """What an earlier attempt has read, and the cursor to go on with."""
    found = Read()
    cursor: str | None = ""
    for ref in told.kept:
        page = await asyncio.to_thread(store.get_model, Page, ref)
        found.take(page)
        cursor = page.next or None
    return found, cursor


def page_of(cursor: str, size: int) -> int:
    """The number of a page of that size, where the cursor is how many issues come before it."""
    return int(cursor or 0) // size + 1


def newest_of(values: Iterable[object]) -> datetime | None:
    """The latest of moments as a service writes them."""
    return max(filter(None, map(moment, values)), default=None)


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)


def bounded(title: str, body: str) -> tuple[str, str]:
    """Title and body as long as they are read."""
    return " ".join(title.split())[:MOST_TITLE] or "(no title)", texts.bounded(body)
