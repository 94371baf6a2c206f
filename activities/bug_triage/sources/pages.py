"""A long list, page by page: each page is kept before the next is asked for, so that an attempt which dies or is told
to wait goes on where it was."""

import asyncio
from collections.abc import Awaitable, Callable

from activities.bug_triage import texts
from activities.bug_triage.sources.rows import MOST_TITLE
from activities.progress import Progress
from contracts.base import Contract
from contracts.bugs import Issue
from ledger import ArtifactStore

MOST = 50_000
MOST_PAGES = 2_000

Ask = Callable[[str], Awaitable[tuple[list[Issue], str]]]


class Page(Contract):
    """Issues of one page, and where the next one is; empty: there is none."""

    issues: tuple[Issue, ...]
    next: str = ""


async def all_pages(ask: Ask, told: Progress, store: ArtifactStore, where: str) -> tuple[list[Issue], str]:
    """The issues of all pages, and what was left out. `ask` is given the cursor of a page, first the empty one."""
    found, cursor = await _kept(told, store)
    for _ in range(MOST_PAGES):
        if cursor is None or len(found) >= MOST:
            break
        issues, following = await ask(cursor)
        page = Page(issues=tuple(issues), next=following)
        told.kept = (*told.kept, await asyncio.to_thread(store.put_model, page))
        found += issues
        told.says = f"reading issues of {where}: {len(found):,} so far"
        told.beat_once()
        cursor = following or None
    left_out = f"Only the newest {len(found):,} issues were read." if cursor else ""
    return list({issue.key: issue for issue in found}.values()), left_out


async def _kept(told: Progress, store: ArtifactStore) -> tuple[list[Issue], str | None]:
    """What an earlier attempt has read, and the cursor to go on with."""
    found: list[Issue] = []
    cursor: str | None = ""
    for ref in told.kept:
        page = await asyncio.to_thread(store.get_model, Page, ref)
        found += page.issues
        cursor = page.next or None
    return found, cursor


def bounded(title: str, body: str) -> tuple[str, str]:
    """Title and body as long as they are read."""
    return " ".join(title.split())[:MOST_TITLE] or "(no title)", texts.bounded(body)
