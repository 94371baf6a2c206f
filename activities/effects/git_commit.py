"""The effect `git.commit_file`: one file changed in one commit on one new branch of the real repository.

What a commit of several files shares with it (`git_change.py`) is here as well.

The work tree, the index and HEAD are never touched. The commit is deterministic: author, dates (when the person
decided), message, parent and tree all come from what was signed, so each attempt makes the very same commit,
and the branch is only ever created, never moved. Whatever is killed when, there is one commit.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, ValidationError

from activities.diff import unified
from activities.effects.git_params import KIND, Commit, CommitParams, one_line
from activities.effects.git_place import Place, explained, open_place
from activities.effects.git_tree import tree_with
from activities.effects.kinds import EffectContext, Facts
from activities.faults import fault
from contracts.decision import SignedDecision
from contracts.errors import BadInput, DestinationMoved, DiskFull, NotSigned
from contracts.gate import Touches
from contracts.proposal import DiffPanel, Effect, Panel
from contracts.records import Person
from sandboxes import Result

STALE_SECONDS = 2.0


@dataclass(frozen=True)
class Written:
    """A file as it will be: its body, or None where it is removed."""

    path: str
    body: bytes | None
    mode: str = ""


class CommitFile:
    """The kind. See `activities.effects.kinds.EffectKind`."""

    kind = KIND
    askable = True
    cancellable = True  # killed anywhere, it makes the same commit again, and finds what is there of it
    params: type[Commit] = CommitParams
    editable: tuple[str, ...] = ("branch", "subject", "body")

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        wanted: Commit = self.wanted(params)
        return wanted.repository

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        wanted: Commit = self.wanted(params)
        return Touches(paths=tuple(change.path for change in wanted.changes))

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        """Look at the branch. DestinationMoved if it is there with something else on it."""
        wanted = self.wanted(params)
        async with opened(wanted, context) as place:
            tip = await branch_tip(place, wanted.branch)
            if tip is None:
                return None
            await _require_ours(place, wanted, context, tip)
            return await self.found(place, wanted, context, tip)

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        """Make objects, the commit, and at last the branch, which must not exist."""
        wanted = self.wanted(params)
        files = await _read(wanted, context)
        async with opened(wanted, context) as place:
            await _require_base(place, wanted)
            began = time.time()
            try:
                commit = await _commit(place, wanted, context, files)
                fault("git.after_commit")
                await _require_shown(place, wanted, context, files)
                await _publish(place, wanted, context, commit)
            except DiskFull:
                await place.sweep(began)
                raise
            return await self.published(place, wanted, context, commit)

    async def found(self, place: Place, wanted: Any, context: EffectContext, commit: str) -> Facts | None:
        """The branch is there with our commit: what that comes to. None: something is still to be done."""
        return _facts(wanted, commit)

    async def published(self, place: Place, wanted: Any, context: EffectContext, commit: str) -> Facts:
        """The branch was made."""
        return _facts(wanted, commit)

    def edited(
        self, effect: Effect, params: Mapping[str, JsonValue], panels: tuple[Panel, ...]
    ) -> tuple[Effect, tuple[Panel, ...]]:
        """The commit with another message or on another branch. Its files, and so the diffs shown, stay as they are."""
        before: Commit = self.wanted(effect.params)
        try:
            after = self.params.model_validate(params)
        except ValidationError as error:
            raise _no_value(error) from None
        says = f" on branch {after.branch} as ".join(effect.says.rsplit(f" on branch {before.branch} as ", 1))
        made = effect.model_copy(update={"params": after.model_dump(mode="json"), "says": says})
        return made, self.retold(panels, before, after)

    def retold(self, panels: tuple[Panel, ...], before: Any, after: Any) -> tuple[Panel, ...]:
        """The panels that tell of the parameters, made anew. A commit has none."""
        return panels

    def wanted(self, params: Mapping[str, JsonValue]) -> Any:
        """The parameters as this kind's own model. Raises BadInput."""
        try:
            return self.params.model_validate(params)
        except ValueError as error:
            raise BadInput(f"The effect's parameters can't be used: {error}", subject=self.kind) from error


def _no_value(error: ValidationError) -> BadInput:
    """The first thing that is wrong, by the parameter's name."""
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"]) or "parameters"
    what = problem["msg"].removeprefix("Value error, ")
    return BadInput(f"The {name} can't be that: {what}.", subject=name, way_out=f"Give another {name}.")


def opened(wanted: Commit, context: EffectContext) -> AbstractAsyncContextManager[Place]:
    tools, sha256 = context.toolbox, len(wanted.base) == 64
    return open_place(tools.sandboxes, wanted.repository, context.run, tools.git_credentials, sha256=sha256)


async def _read(wanted: Commit, context: EffectContext) -> list[Written]:
    get = context.toolbox.artifacts.get
    return [
        Written(each.path, await asyncio.to_thread(get, each.ref) if each.ref else None, each.mode)
        for each in wanted.changes
    ]


def _facts(wanted: CommitParams, commit: str) -> Facts:
    return {
        "says": f"Committed {wanted.path} as {commit[:12]} on branch {wanted.branch}",
        "commit": commit,
        "branch": wanted.branch,
        "repository": wanted.repository,
        "path": wanted.path,
        "base": wanted.base,
        "since": wanted.since,
        "until": wanted.until or wanted.base,
    }


async def branch_tip(place: Place, branch: str) -> str | None:
    """The branch's commit, or None. For a URL the remote is asked."""
    ref = f"refs/heads/{branch}"
    if place.url:
        said = (await place.must("ls-remote", "--", place.url, ref)).decode(errors="replace")
        tips = [line.split("\t")[0] for line in said.splitlines() if line.endswith(f"\t{ref}")]
        return tips[0] if tips else None
    result = await place.git("for-each-ref", "--format=%(objectname) %(refname)", ref)
    if result.exit_code != 0:
        raise explained(result, place.repository)
    lines = [line.split(" ", 1) for line in result.stdout.decode(errors="replace").splitlines()]
    return next((sha for sha, name in lines if name == ref), None)


async def _fetch(place: Place, *refs: str) -> None:
    await place.must("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", place.url, *refs)


async def _require_base(place: Place, wanted: Commit) -> None:
    if place.url:
        await _fetch(place, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    if (await place.git("cat-file", "-e", f"{wanted.base}^{{commit}}")).exit_code != 0:
        raise DestinationMoved(
            f"The commit {wanted.base[:12]} that the proposal builds on is not in {wanted.repository!r} any more.",
            subject=wanted.repository,
            way_out="History was rewritten there. Start a new run.",
        )


async def _require_shown(place: Place, wanted: Commit, context: EffectContext, files: Sequence[Written]) -> None:
    """Each file's diff that the person saw is what the commit does. Whoever sealed the proposal could have shown
    another one: the digest covers both, and nobody before this compares them."""
    proposal = await asyncio.to_thread(context.toolbox.ledger.proposal, context.digest)
    for file in files:
        shown = [panel.diff for panel in proposal.panels if isinstance(panel, DiffPanel) and panel.path == file.path]
        if shown != [await _diff(place, wanted.base, file)]:
            raise NotSigned(
                f"The diff of {file.path!r} that was shown is not what would be committed.",
                subject=file.path,
                way_out="Sign nothing more of this workflow until you know who wrote the proposal.",
            )


async def _diff(place: Place, base: str, file: Written) -> str:
    there = await place.git("cat-file", "blob", f"{base}:{file.path}")
    before = text_of(there.stdout) if there.exit_code == 0 else None
    return unified(file.path, before, None if file.body is None else text_of(file.body), mode=file.mode)


def text_of(data: bytes) -> str:
    """Bytes as text that gives the same bytes again, whatever they are."""
    return data.decode(errors="surrogateescape")


async def _require_ours(place: Place, wanted: Commit, context: EffectContext, tip: str) -> None:
    """The branch exists: is it this very commit? It is made anew, and must come out the same."""
    await _require_base(place, wanted)
    if place.url:
        await _fetch(place, tip)
    ours = await _commit(place, wanted, context, await _read(wanted, context))
    if tip != ours and await _essence(place, tip) != await _essence(place, ours):
        raise _in_the_way(wanted, tip)


async def _essence(place: Place, commit: str) -> list[str]:
    """Tree, parents and what was signed: the same even if the signer's mail address changed meanwhile."""
    text = (await place.must("cat-file", "commit", commit)).decode(errors="replace")
    kept = ("tree ", "parent ", "Countersign-Run: ", "Countersign-Digest: ", "Countersign-Decision: ")
    return [line for line in text.splitlines() if line.startswith(kept)]


def _in_the_way(wanted: Commit, tip: str) -> DestinationMoved:
    return DestinationMoved(
        f"The branch {wanted.branch!r} of {wanted.repository!r} is there already with another commit, {tip[:12]}.",
        subject=wanted.branch,
        way_out=f"Look at it, rename or delete it (git branch -m {wanted.branch} NEW), and retry.",
    )


async def _commit(place: Place, wanted: Commit, context: EffectContext, files: Sequence[Written]) -> str:
    """The commit's SHA; its objects are written, and nothing points to them yet."""
    tree = f"{wanted.base}^{{tree}}"
    for file in files:
        blob = ""
        if file.body is not None:
            made = await place.must("hash-object", "-w", "--no-filters", "--stdin", stdin=file.body)
            blob = made.decode().strip()
        tree = await tree_with(place, tree, file.path, blob, file.mode)
    fault("git.after_objects")
    return await commit_tree(place, wanted, context, tree, [wanted.base], message(wanted, context))


async def commit_tree(
    place: Place, wanted: Commit, context: EffectContext, tree: str, parents: Sequence[str], words: str
) -> str:
    """A commit object. The same arguments give the same one."""
    named = [part for parent in parents for part in ("-p", parent)]
    said = await place.must("commit-tree", tree, *named, stdin=words.encode(), env=people(wanted, context))
    return said.decode().strip()


def people(wanted: Commit, context: EffectContext) -> dict[str, str]:
    at = f"{int(context.decision.statement.decided_at.timestamp())} +0000"
    return {
        "GIT_AUTHOR_NAME": one_line(wanted.author_name),
        "GIT_AUTHOR_EMAIL": one_line(wanted.author_email),
        "GIT_AUTHOR_DATE": at,
        "GIT_COMMITTER_NAME": one_line(wanted.committer_name),
        "GIT_COMMITTER_EMAIL": one_line(wanted.committer_email),
        "GIT_COMMITTER_DATE": at,
    }


def message(wanted: Commit, context: EffectContext) -> str:
    """Subject, body, and trailers that lead from the commit to the run, the digest and the signature."""
    trailers = [
        ("Countersign-Run", context.run),
        ("Countersign-Digest", context.digest),
        ("Countersign-Decision", context.decision.id),
        ("Countersign-Range", f"{wanted.since}..{wanted.until or wanted.base}"),
        ("Countersigned-by", _signer(context.person, context.decision)),
        *(("Countersigned-by", _signer(person, decision)) for decision, person in context.others),
    ]
    body = f"{wanted.body.strip()}\n\n" if wanted.body.strip() else ""
    lines = "".join(f"{name}: {one_line(value)}\n" for name, value in trailers)
    return f"{one_line(wanted.subject)}\n\n{body}{lines}"


def _signer(person: Person, decision: SignedDecision) -> str:
    name = re.sub(r"[<>()]", "", person.display_name or person.name)
    mail = re.sub(r"[<>()\s]", "", person.email)
    return f"{f'{name} <{mail}>' if mail else name} (key {decision.signature.key})"


async def _create(place: Place, ref: str, commit: str, people: Mapping[str, str]) -> Result:
    """Create the ref. A worker killed inside update-ref leaves a lock that nobody holds; the branch is this
    effect's alone, so a lock on it that stays the same for two seconds is such a one."""
    arguments = ("update-ref", ref, commit, "0" * len(commit))
    result = await place.git(*arguments, env=people)
    lock = f"{place.git_dir}/{ref}.lock"
    before = await place.sandbox.exec(["stat", "-c", "%i %Y", lock])
    if result.exit_code == 0 or before.exit_code != 0:
        return result
    await asyncio.sleep(STALE_SECONDS)
    if (await place.sandbox.exec(["stat", "-c", "%i %Y", lock])).stdout == before.stdout:
        await place.sandbox.exec(["rm", "-f", "--", lock])
    return await place.git(*arguments, env=people)


async def _publish(place: Place, wanted: Commit, context: EffectContext, commit: str) -> None:
    """Create the branch; it is an error if anybody else did."""
    ref = f"refs/heads/{wanted.branch}"
    if place.url:
        lease = f"--force-with-lease={ref}:"  # an empty value: it must not exist
        result = await place.git("push", "--quiet", "--no-verify", lease, "--", place.url, f"{commit}:{ref}")
        fault("git.after_push")
    else:
        result = await _create(place, ref, commit, people(wanted, context))
        fault("git.after_ref")
    if result.exit_code == 0:
        return
    tip = await branch_tip(place, wanted.branch)
    if tip == commit:
        return
    if tip:
        raise _in_the_way(wanted, tip)
    raise explained(result, wanted.repository)
