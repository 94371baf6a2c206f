"""A report's clues looked for in a repository, in its machine: by git, on what git knows. Nothing is run."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress

from activities.bug_triage.clues import Clues
from activities.bug_triage.missing import asked_by_templates
from activities.bug_triage.owners import LOG, Ownership, commits_of
from activities.bug_triage.ranking import Paths
from contracts.bug_triage import Part
from contracts.errors import NotFound, TookTooLong
from sandboxes.protocol import Sandbox

SAFE = (
    "git",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.pager=cat",
    "-c",
    "core.quotepath=off",
    "-c",
    "grep.lineNumber=false",
)
MOST_OUTPUT = 4 << 20
MOST_FILES = 200_000
SECONDS = 60.0
LARGEST = 1 << 20
CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
TEMPLATES = re.compile(
    r"^(?:\.github|docs|\.gitlab)?/?(?:ISSUE_TEMPLATE|issue_templates?)(?:/[^/]+)?(?:\.(?:md|ya?ml))$", re.I
)
DEFINES = "(def|class|function|func|fn|struct|interface|enum|trait|type|module|object|const|var|let)"


class Searched:
    """A repository in a machine, looked through many times."""

    def __init__(self, sandbox: Sandbox, folder: str) -> None:
        self._sandbox, self._folder = sandbox, folder

    async def open(self) -> None:
        """Read what is needed for every report: its files, who changed them, its templates and tags."""
        names = [name for name in (await self._git("ls-files", "-z")).split("\0") if name]
        self.paths = Paths(names[:MOST_FILES])
        owners = next((name for name in CODEOWNERS if name in set(names)), "")
        self.ownership = Ownership(commits_of(await self._git(*LOG)), await self._read(owners) if owners else "")
        templates = [name for name in names if TEMPLATES.match(name)][:20]
        self.asks: tuple[tuple[Part, ...], str] = asked_by_templates(
            {name: await self._read(name) for name in templates}
        )
        tags = await self._git("tag", "--sort=-v:refname")
        self.newest = next((tag for tag in tags.split() if re.search(r"\d+\.\d+", tag) and not _is_early(tag)), "")

    async def found(self, clues: Clues) -> tuple[dict[str, Counter[str]], dict[str, list[str]]]:
        """For each name how often it stands in which file; and the files in which names are defined."""
        stands: dict[str, Counter[str]] = defaultdict(Counter)
        defined: dict[str, list[str]] = defaultdict(list)
        plain = [name for name in clues.names if re.fullmatch(r"\w+", name)]
        for path, name in await self._grep("-F", clues.names):
            stands[name][path] += 1
        for path, text in await self._grep("-E", [f"{DEFINES}[[:space:]]+({'|'.join(plain)})"] if plain else []):
            name = text.split()[-1]
            if path not in defined[name]:
                defined[name].append(path)
        return stands, defined

    async def _grep(self, how: str, patterns: Sequence[str]) -> list[tuple[str, str]]:
        """Files and what stands in them."""
        if not patterns:
            return []
        listed = [word for pattern in patterns for word in ("-e", pattern)]
        out = await self._git("grep", "-I", "-o", "-w", "-z", how, *listed, "--", ".")
        pairs = (line.partition("\0")[::2] for line in out.splitlines())
        return [(path, text.strip()) for path, text in pairs if path and text.strip()]

    async def _git(self, *words: str) -> str:
        """What git prints, cut where it is long; empty where it finds nothing or takes too long."""
        kept = bytearray()

        def take(part: bytes) -> None:
            kept.extend(part[: max(0, MOST_OUTPUT - len(kept))])

        with suppress(TookTooLong):
            await self._sandbox.exec((*SAFE, *words), cwd=f"/work/{self._folder}", timeout=SECONDS, on_stdout=take)
        return bytes(kept).decode(errors="replace")

    async def _read(self, path: str) -> str:
        with suppress(NotFound):
            return (await self._sandbox.read(f"{self._folder}/{path}", limit=LARGEST)).decode(errors="replace")
        return ""


def _is_early(tag: str) -> bool:
    """Whether it is no release yet."""
    return re.search(r"(?:a|b|rc|alpha|beta|dev|pre)\W?\d*$", tag, re.I) is not None
