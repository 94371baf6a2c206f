"""Judges all that is new by what the team decided before: one activity over thousands of issues, which says how far it
is, keeps what it has, and goes on there after a death."""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from temporalio import activity

from activities.bug_triage import backlogs
from activities.bug_triage.learned import Learned, chosen, learned, taught
from activities.bug_triage.snippets import LANGUAGES, runnable
from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts.base import Contract
from contracts.bug_triage import DOUBTFUL, AssessBugs, Assessed, Assessment, BugsAssessed
from contracts.bugs import Alike, Issue, Judgement, Standing
from contracts.digests import canonical_json
from contracts.runs import run_of
from contracts.steps import BUGS_ASSESS

if TYPE_CHECKING:
    from activities.bug_triage.sentences import Sentences

CHUNK = 250
MOST_BY_MODEL = 2_000  # new issues that the sentence model reads in one run: some 20 s of a processor, idle
SURE = 0.8  # how probable a kind is that needs nobody's second look
SAME = 0.6  # and a duplicate that is linked; a lesser one is only shown
SAME_BY_FRAMES = 0.5  # where probabilities are not measured, of one that has an exception or a frame in common
DOUBT_SAME = 0.4


class Judged(Contract):
    """Judgements of some issues, kept so that a dead attempt is not repeated."""

    judgements: tuple[Judgement, ...]


class BugAssessing:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tools = toolbox

    @activity.defn(name=BUGS_ASSESS.name)
    async def assess(self, request: AssessBugs) -> BugsAssessed:
        """The likeliest of everything, with what speaks for it. No issue is lost: what this run leaves is counted."""
        async with progress("reading what people decided before") as told:
            backlog = await asyncio.to_thread(backlogs.read, self._tools.artifacts, request.backlog)
            run = run_of(activity.info().workflow_id or "") if activity.in_activity() else ""
            known = await asyncio.to_thread(learned, self._tools.ledger, request.workflow, backlog.source, run)
            history = taught(backlog.issues, known)
            new = _wanted(history, request.key, known, backlog.source)
            sentences = await asyncio.to_thread(_sentences, self._tools.embeddings, len(new))
            version = await asyncio.to_thread(version_of, history, sentences.name)
            judgements, standing = await self._judged(history, new, version, sentences, told)
            told.says = "choosing what to propose"
            found = await asyncio.to_thread(
                self._taken,
                sorted_out(new, judgements, request, measured=is_measured(standing)),
                backlog.source,
                request,
                run,
            )
            made = found.model_copy(
                update={
                    "source": backlog.source,
                    "project": backlog.project,
                    "standing": standing,
                    "version": version,
                    "learnt": len(known.corrected),
                }
            )
            return await self._kept(made)

    def _taken(self, found: Assessment, source: str, request: AssessBugs, run: str) -> Assessment:
        """What this run may propose: another that began meanwhile may have taken some. Those in doubt go to the run
        that it starts for them."""
        where = f"{request.workflow}:{source}"
        both = [each.issue.key for each in (*found.confident, *found.doubtful)]
        held = self._tools.ledger.take(where, both, run)
        if request.key:
            return found  # a person asked for it: it is looked at again
        sure, unsure = ([each for each in some if each.issue.key in held] for some in (found.confident, found.doubtful))
        if sure and unsure:
            self._tools.ledger.hand_over(where, [each.issue.key for each in unsure], f"{run}{DOUBTFUL}")
        return found.model_copy(update={"confident": tuple(sure), "doubtful": tuple(unsure)})

    async def _kept(self, made: Assessment) -> BugsAssessed:
        both = (*made.confident, *made.doubtful)
        found = {each.issue.key: runnable(each.issue) for each in both if is_bug(each)}
        kinds = {key: each.kind for key, each in found.items() if each}
        return BugsAssessed(
            assessment=await asyncio.to_thread(self._tools.artifacts.put_model, made),
            judged=made.judged,
            confident=len(made.confident),
            doubtful=len(made.doubtful),
            waiting=made.waiting,
            runnable=tuple(kinds),
            languages={key: kind for key, kind in kinds.items() if kind in LANGUAGES},
            says=f"{made.judged:,} new issues judged: {len(made.confident)} to propose, {len(made.doubtful)} in doubt, "
            f"{made.waiting:,} left for the next run",
        )

    async def _judged(
        self,
        history: Sequence[Issue],
        new: Sequence[Issue],
        version: str,
        sentences: "Sentences",
        told: Progress,
    ) -> tuple[list[Judgement], tuple[Standing, ...]]:
        from activities.bug_triage.judge import Judge  # takes a second to load, which other workers need not spend

        told.says = f"learning from {len(history):,} issues"
        kept = told.kept[1:] if told.kept[:1] == (version,) else ()
        told.kept = (version, *kept)
        judge = await asyncio.to_thread(Judge.fit, history, sentences)
        found: list[Judgement] = []
        for ref in kept:
            found += (await asyncio.to_thread(self._tools.artifacts.get_model, Judged, ref)).judgements
        while len(found) < len(new):
            told.says = f"judging new issues: {len(found):,} of {len(new):,}"
            part = await asyncio.to_thread(judge.judge, new[len(found) : len(found) + CHUNK])
            ref = await asyncio.to_thread(self._tools.artifacts.put_model, Judged(judgements=tuple(part)))
            found += part
            told.kept = (*told.kept, ref)
            told.beat_once()
        return found, judge.standings


def _sentences(folder: Path | None, new: int) -> "Sentences":
    """How issues are read. Thousands at once are read by word vectors, which take a hundredth of the time."""
    from activities.bug_triage.sentences import Sentences

    return Sentences.of(folder if new <= MOST_BY_MODEL else None)


def _wanted(history: Sequence[Issue], key: str, known: Learned, source: str) -> list[Issue]:
    """The one issue that was asked for, whatever is known of it; else all new ones."""
    if key:
        return [each for each in history if each.key == key]
    return chosen(history, known, tracker=source.partition(":")[0])


def version_of(issues: Iterable[Issue], encoder: str = "") -> str:
    """The hash of what a model learns from, and of what it reads with: the same history, the same model."""
    digest = hashlib.sha256(encoder.encode())
    for issue in issues:
        digest.update(canonical_json(issue.model_dump(mode="json")))
    return digest.hexdigest()[:16]


def sorted_out(
    new: Sequence[Issue], judgements: Sequence[Judgement], request: AssessBugs, *, measured: bool
) -> Assessment:
    """The most urgent ones first, those that need a second look apart, and no more of either than a person reads."""
    made = [
        Assessed(issue=issue, judgement=judgement, doubts=tuple(doubts(judgement, measured=measured)))
        for issue, judgement in zip(new, judgements, strict=True)
    ]
    made.sort(key=lambda each: -(each.judgement.urgent or 0.0))
    sure, unsure = ([each for each in made if bool(each.doubts) is doubtful] for doubtful in (False, True))
    if request.key:
        return Assessment(source="", project="", confident=tuple(made), judged=len(made))
    return Assessment(
        source="",
        project="",
        confident=tuple(sure[: request.most]),
        doubtful=tuple(unsure[: request.most_doubtful]),
        waiting=len(sure[request.most :]) + len(unsure[request.most_doubtful :]),
        judged=len(made),
    )


def doubts(judgement: Judgement, *, measured: bool) -> list[str]:
    """Why a person has to look at it; none where the model is sure."""
    kind, found = judgement.kind, list[str]()
    if not kind.label:
        found.append(kind.why_not or "no kind is likely enough")
    elif kind.probability < SURE:
        second = f", {kind.chances[1].label} {kind.chances[1].probability:.0%}" if len(kind.chances) > 1 else ""
        found.append(f"{kind.label} {kind.probability:.0%}{second}")
    near = [each for each in judgement.alike if each.probability >= DOUBT_SAME and (measured or each.frames)]
    if near and not any(is_same(each, measured=measured) for each in near):
        found.append(f"perhaps the same as {near[0].key} ({near[0].probability:.0%})")
    return found


def is_measured(standing: Iterable[Standing]) -> bool:
    """Whether the probabilities of duplicates were measured on what people had called the same."""
    return any(each.target == "duplicates" and each.serves and bool(each.metric) for each in standing)


def is_same(one: Alike, *, measured: bool) -> bool:
    """Whether an earlier issue is called the same. Likeness of words alone is not enough where nobody has measured
    what it is worth: then both have to have an exception or a frame in common."""
    return one.probability >= SAME if measured else one.probability >= SAME_BY_FRAMES and bool(one.frames)


def is_bug(each: Assessed) -> bool:
    """Whether it is to be looked at as a bug: it is likely one, or nobody knows."""
    kind = each.issue.kind or each.judgement.kind.label
    if kind:
        return kind == "bug"
    chances = each.judgement.kind.chances
    return not chances or chances[0].label == "bug"
