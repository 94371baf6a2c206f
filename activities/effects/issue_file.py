"""Issues of a file: what is done about them is appended to a file beside it, one line for each effect, and the file
itself is never written (activities/bug_triage/sources/files.py reads both)."""

import asyncio
import fcntl
import json
from pathlib import Path

from activities.beside import append
from activities.bug_triage.sources.files import updates, updates_file
from activities.bug_triage.sources.place import Place
from activities.effects.issue_params import ASKS, FIELDS, MARK, IssueParams
from activities.effects.issue_seen import Seen, said
from activities.effects.kinds import EffectContext
from contracts.errors import AccessRefused, NotFound


class FileIssue:
    """One issue of a file. All parts of an effect are one line, so it happens whole or not."""

    def __init__(self, place: Place, wanted: IssueParams, context: EffectContext) -> None:
        self._path = Path(place.what)
        self._issue, self._context = wanted.issue, context

    async def look(self) -> Seen:
        return await asyncio.to_thread(self._look)

    def _look(self) -> Seen:
        if not self._path.is_file():
            raise NotFound(f"There are no issues at {str(self._path)!r} any more.", subject=str(self._path))
        lines = [line for line in updates(self._path) if line.get("issue") == self._issue]
        return Seen(
            whole=any(line.get("effect") == self._context.key for line in lines),
            comments=tuple(f"{MARK}{line.get('effect')}\n{ASKS if line.get('question') else ''}" for line in lines),
        )

    async def do(self, part: str, wanted: IssueParams, seen: Seen, text: str) -> None:
        asked = wanted.question and said(wanted, seen, self._context.key)
        await asyncio.to_thread(
            self._append, wanted.model_copy(update={"comment": "", "question": False} if asked else {})
        )

    def _append(self, wanted: IssueParams) -> None:
        fields = {name: getattr(wanted, name) for name in (*FIELDS, "comment", "duplicate_of") if getattr(wanted, name)}
        line = {
            "effect": self._context.key,
            "issue": wanted.issue,
            "by": self._context.person.name,
            "digest": self._context.digest,
            **fields,
            **({"labels": list(wanted.labels)} if wanted.labels else {}),
            **({"question": True} if wanted.question else {}),
        }
        try:
            with updates_file(self._path).open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                append(file.fileno(), json.dumps(line, ensure_ascii=False).encode() + b"\n", updates_file(self._path))
        except PermissionError as error:
            raise AccessRefused(
                f"Nothing may be written beside {str(self._path)!r}.",
                subject=str(self._path),
                way_out="Let the effects' worker write to its folder.",
            ) from error
