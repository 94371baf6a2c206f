"""The whole of it: baseline, suspects, search, choice. The seam for a workflow's activity."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from activities.repair import plausible, suspects
from activities.repair.examples import examples
from activities.repair.function_trial import FunctionTrial
from activities.repair.ideas import Ground, Idea
from activities.repair.ingredients import Ingredients
from activities.repair.note import note
from activities.repair.plausible import Finalist
from activities.repair.repository_trial import RepositoryTrial
from activities.repair.search import Progress, Search
from activities.repair.source import Source, apply, unified
from activities.repair.tracebacks import frames
from activities.repair.trial import Baseline, Trial
from activities.repair.tries import Outcome
from contracts.errors import BadInput
from contracts.repair import FunctionUnderRepair, RepairCandidate, RepairRequest, RepairResult
from sandboxes.protocol import Sandbox

RAISED = re.compile(r"\b([A-Z]\w+Error)\b")
REPOSITORY_BATCH = 128  # tries for which the tests are collected once
FUNCTIONS = 30  # suspected functions whose edits are made
FINALISTS = 30  # passing candidates that are compared with each other
Log = Callable[[Idea, Outcome | None], None]


def _silent(says: str) -> None:
    pass


async def repair(
    sandbox: Sandbox, request: RepairRequest, *, progress: Progress = _silent, log: Log | None = None
) -> RepairResult:
    """Search small edits until the failing tests pass. Nothing in the sandbox's work tree is changed.

    `progress` gets a sentence now and then. `log` sees every try. A subject whose tests cannot be run ends as
    `unusable`, with the reason in the note. Raises SandboxFailed when the sandbox itself does.
    """
    started = time.monotonic()
    try:
        job = await _prepared(sandbox, request, progress)
    except BadInput as error:
        return RepairResult(ended="unusable", note=str(error), seconds=round(time.monotonic() - started, 2))
    result = await job.run(progress, log)
    return result.model_copy(update={"seconds": round(time.monotonic() - started, 2)})


async def _prepared(sandbox: Sandbox, request: RepairRequest, progress: Progress) -> "Job":
    subject = request.subject
    progress("running the tests as they are")
    if isinstance(subject, FunctionUnderRepair):
        trial = FunctionTrial(sandbox, subject, request.limits)
        source = Source(subject.source, subject.path)
        baseline = await trial.baseline()
        asked = examples(request.ticket, subject.entry_point)
        return Job(request, trial, baseline, {subject.path: source}, subject.tests, asked)
    tests = RepositoryTrial(sandbox, subject, request.limits)
    baseline = await tests.baseline()
    printed = [frame.file for frame in frames(f"{request.output}\n{baseline.output}")]
    sources = await tests.sources(baseline.lines, printed)
    return Job(request, tests, baseline, sources, await tests.tests(), batch=REPOSITORY_BATCH)


class Job:
    """One repair with all that is known before the search."""

    def __init__(
        self,
        request: RepairRequest,
        trial: Trial,
        baseline: Baseline,
        sources: Mapping[str, Source],
        tests: str,
        asked: Sequence[tuple[str, str]] = (),
        batch: int = 256,
    ) -> None:
        self.request = request
        self.trial = trial
        self.baseline = baseline
        self.sources = sources
        self.asked = asked
        self.batch = batch
        self.ticket = Ingredients.gather(f"{request.ticket}\n{request.output}", tests)

    async def run(self, progress: Progress, log: Log | None) -> RepairResult:
        output = f"{self.request.output}\n{self.baseline.output}"
        found = await asyncio.to_thread(
            suspects.suspicion, self.sources, self.baseline, ticket=self.request.ticket, output=output
        )
        located = suspects.ranked(found, self.sources)
        if not self.baseline.failing and self.baseline.outcome.end == "done":
            return RepairResult(ended="nothing fails", note=note("nothing fails", (), (), tries=0, failing=()))
        search = Search(
            self.trial, self.baseline, self._grounds(found), self.ticket, self.request.limits, progress, self.batch
        )
        search.log = log or search.log
        await search.run()
        progress(f"{len(search.passing)} edits pass; comparing them")
        good, refused = await self._chosen(search, progress)
        # What passed once and not in a process of its own is no repair.
        ended = "fixed" if good else "refused" if refused else search.ended or "exhausted"
        return RepairResult(
            ended=ended,
            candidates=tuple(good),
            refused=tuple(refused),
            suspects=located,
            tries=search.tried,
            first_pass=search.first_pass,
            note=note(
                ended,
                located,
                [*good, *refused],
                tries=search.tried,
                failing=self.baseline.failing,
                helped=() if good else search.helped(),
            ),
        )

    def _grounds(self, found: suspects.Suspicion) -> list[Ground]:
        """Suspected functions, in the files that the limits allow; every function where nothing is known."""
        grounds: list[Ground] = []
        symptoms = self._symptoms()
        files: list[str] = []
        rows = suspects.functions(found, self.sources)
        rows = rows or [(path, name, 1.0) for path, source in self.sources.items() for name, _ in source.functions]
        for path, name, _ in rows[:FUNCTIONS]:
            if path not in files and len(files) >= self.request.limits.files:
                continue
            files.append(path)
            source = self.sources[path]
            node = dict(source.functions)[name]
            suspicion = partial(found.of, path)
            grounds.append(Ground(source, name, node, suspicion, symptoms))
        return grounds

    def _symptoms(self) -> frozenset[str]:
        """What failing tests raised, by name, and "time" where one did not end."""
        cases = [case for case in self.baseline.outcome.cases if case.state not in ("pass", "skip")]
        raised = {match for case in cases for match in RAISED.findall(case.seen)}
        late = {"time"} if "time" in {self.baseline.outcome.end, *(case.state for case in cases)} else set()
        return frozenset(raised | late)

    async def _chosen(self, search: Search, progress: Progress) -> tuple[list[RepairCandidate], list[RepairCandidate]]:
        """Proved candidates, the most plausible first, and refused ones."""
        best = sorted(search.passing, key=lambda row: -row[0].score)[:FINALISTS]
        finalists = [Finalist(idea, ground, outcome) for idea, ground, outcome in best]
        if not finalists:
            return [], []
        answers = await self.trial.compare([each.idea for each in finalists], self.asked)
        unchanged = answers[0].answers if answers[0] else ()
        for each, answer in zip(finalists, answers[1:], strict=True):
            each.answers, each.examples = (answer.answers, answer.examples) if answer else ((), ())
        plausible.agree(finalists)
        progress(f"{len(search.passing)} edits pass; proving the best in processes of their own")
        return await self._proved(plausible.ordered(finalists), unchanged)

    async def _proved(
        self, finalists: Sequence[Finalist], unchanged: Sequence[str]
    ) -> tuple[list[RepairCandidate], list[RepairCandidate]]:
        good: list[RepairCandidate] = []
        refused: list[RepairCandidate] = []
        tried = finalists[: 2 * self.request.limits.candidates]
        proofs = await self.trial.prove([each.idea for each in tried])
        for each, (outcome, lines) in zip(tried, proofs, strict=True):
            if outcome is None or not outcome.passed:
                continue
            reason = plausible.refusal(each, self.baseline, unchanged, lines)
            (refused if reason else good).append(self._candidate(each, outcome, reason))
        most = self.request.limits.candidates
        return good[:most], refused[:most]

    def _candidate(self, finalist: Finalist, outcome: Outcome, reason: str) -> RepairCandidate:
        idea, source = finalist.idea, finalist.ground.source
        return RepairCandidate(
            file=source.path,
            line=idea.edits[0].line,
            diff=unified(source.path, source.text, apply(source.text, idea.changes)),
            kinds=tuple(edit.kind for edit in idea.edits),
            says="; ".join(dict.fromkeys(edit.says for edit in idea.edits if edit.changes)),
            passed=sum(case.state == "pass" for case in outcome.cases),
            agreement=round(finalist.agreement, 3),
            examples=(sum(finalist.examples), len(finalist.examples)),
            refused=reason,
        )
