"""What earlier runs of the same source have taught, read from the ledger: who took what out, and in which words."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from activities.deal_scoring.lessons import Lessons, Pending
from activities.effects.crm_params import TASK
from contracts.deals import AskedFor, Lesson, Seen, Snapshot
from contracts.errors import CountersignError
from contracts.proposal import Proposal
from contracts.runs import run_of
from contracts.steps import DEALS_RANK
from ledger import ArtifactStore, Ledger

LOOK_BACK = 60  # runs
WORKFLOW = "deal_scoring"
_SENTENCES = re.compile(r"[.;\n]+\s*")
_NOT = re.compile(r"\b(not|no|skip|drop|leave out|without|don't|never|remove|take out)\b", re.IGNORECASE)
Task = tuple[str, str, str]  # deal, owner, play


class Past:
    """Earlier runs of a source. Its own run never counts."""

    def __init__(self, ledger: Ledger, artifacts: ArtifactStore, run: str, source: str) -> None:
        self._ledger, self._artifacts = ledger, artifacts
        self._own, self._source = run_of(run), source
        self._snapshots: dict[str, Snapshot] = {}
        self._runs = [each.run for each in ledger.runs(workflow=WORKFLOW, limit=LOOK_BACK) if each.run != self._own]

    def before(self, today: date) -> Snapshot | None:
        """What the newest run of an earlier day saw."""
        for run in self._runs:
            seen = self._snapshot(run)
            if seen is not None and seen.today < today:
                return seen
        return None

    def lessons(self, rest_days: int) -> Lessons:
        """All that people took out of what was proposed, oldest first, and how often each play was signed."""
        found, kept, pending = list[Lesson](), Counter[tuple[str, str]](), dict[str, Pending]()
        for run in reversed(self._runs):
            seen = self._snapshot(run)
            if seen is not None:
                found += self._of(run, seen, kept)
                pending |= self._pending(run, seen)
        return Lessons(all=tuple(found), kept=kept, rest_days=rest_days, pending=pending)

    def _pending(self, run: str, seen: Snapshot) -> dict[str, Pending]:
        """The tasks of the run that were signed, by their deal."""
        found = dict[str, Pending]()
        for record in self._ledger.proposals(state="approved", run=run):
            try:
                signed = self._ledger.proposal(record.digest)
            except CountersignError:
                continue
            for each in (each for each in signed.effects if each.kind == TASK):
                deal, due = str(each.params.get("deal", "")), str(each.params.get("due", ""))
                if deal in seen.deals and due:
                    found[deal] = Pending(date.fromisoformat(due), seen.deals[deal].stage)
        return found

    def _snapshot(self, run: str) -> Snapshot | None:
        """What a run saw, if it was of this source. A body that was erased, or that no release reads, is none."""
        if run not in self._snapshots:
            for entry in self._ledger.entries(run=run, kind="activity", newest_first=True, limit=100):
                if entry.name != DEALS_RANK.name or entry.outcome != "ok":
                    continue
                if entry.facts.get("source") == self._source[:160]:
                    try:
                        reference = str(entry.facts.get("snapshot", ""))
                        self._snapshots[run] = self._artifacts.get_model(Snapshot, reference)
                    except (CountersignError, ValueError):
                        return None
                break
        return self._snapshots.get(run)

    def _of(self, run: str, seen: Snapshot, kept: Counter[tuple[str, str]]) -> Iterator[Lesson]:
        asked = list[AskedFor]()
        for decision, ruling in self._ledger.decisions(run):
            said = decision.statement
            if not ruling.accepted:
                continue
            if said.verdict == "request_changes":
                asked.append(AskedFor(person=said.person, words=said.words))
            if said.verdict == "approve":
                yield from self._taken_out(run, said.digest, said.person, said.words, seen, kept)
        yield from named(asked, seen.deals, seen.today)[0]

    def _taken_out(
        self, run: str, digest: str, person: str, words: str, seen: Snapshot, kept: Counter[tuple[str, str]]
    ) -> Iterator[Lesson]:
        """The tasks that the revision before a person's edits had, and the signed one has not."""
        try:
            signed = self._ledger.proposal(digest)
            first = self._as_proposed(run, signed)
        except CountersignError:
            return
        left = {task[0] for task in tasks(signed)}
        for _, owner, play in tasks(signed):
            kept[owner, play] += 1
        for deal, owner, play in tasks(first):
            if deal in left:
                continue
            known = seen.deals.get(deal)
            yield Lesson(
                deal=deal,
                name=known.name if known else deal,
                owner=owner,
                play=play,
                person=signed.edited_by or person,
                at=seen.today,
                words=about(words, known.name if known else deal),
                stage=known.stage if known else "",
            )

    def _as_proposed(self, run: str, signed: Proposal) -> Proposal:
        """The newest revision that no person had edited, up to the signed one."""
        records = sorted(self._ledger.proposals(state="", run=run), key=lambda each: -each.revision)
        for record in records:
            if record.revision <= signed.revision:
                made = self._ledger.proposal(record.digest)
                if not made.edited_by:
                    return made
        return signed


def tasks(proposal: Proposal) -> list[Task]:
    """The deal, owner and play of each task."""
    return [
        (str(each.params.get("deal", "")), str(each.params.get("owner", "")), str(each.params.get("play", "")))
        for each in proposal.effects
        if each.kind == TASK
    ]


def about(words: str, name: str) -> str:
    """The sentences that name a deal; all of them where none does."""
    found = [each for each in _SENTENCES.split(words) if name and name.casefold() in each.casefold()]
    return ". ".join(found) or words


def named(asked: Sequence[AskedFor], deals: "dict[str, Seen]", today: date) -> tuple[list[Lesson], tuple[str, ...]]:
    """What requests such as `not Acme, because they are in a freeze` say of deals; and sentences that say nothing."""
    found, unread = list[Lesson](), list[str]()
    for each in asked:
        for sentence in filter(str.strip, _SENTENCES.split(each.words)):
            plain = sentence.casefold()
            hits = [key for key, seen in deals.items() if _names(plain, seen.name) or _names(plain, key)]
            if not hits or not _NOT.search(sentence):
                unread.append(sentence)
                continue
            for key in hits:
                seen = deals[key]
                lesson = Lesson(
                    deal=key, name=seen.name, person=each.person, at=today, words=sentence, stage=seen.stage
                )
                found.append(lesson)
    return found, tuple(unread)


def _names(sentence: str, name: str) -> bool:
    """Whether a sentence names it, as a whole word."""
    if len(name) < 2:
        return False
    return re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", sentence) is not None
