"""The effect `git.change`: several files changed in one commit on one new branch, and that branch merged where the
proposal says so.

The merge is what a repository without a host for pull requests has in place of one. It moves a branch only from the
tip that was looked at, it is the same at every attempt for that tip, and it is refused where others changed the same
files meanwhile: what was signed is the diff that was shown.
"""

from activities.effects.git_commit import CommitFile, branch_tip, commit_tree, message, people
from activities.effects.git_params import CHANGE, ChangeParams, Commit
from activities.effects.git_place import Place
from activities.effects.kinds import EffectContext, Facts
from activities.faults import fault
from contracts.errors import DestinationMoved, SandboxFailed


class ChangeFiles(CommitFile):
    """The kind. See `activities.effects.kinds.EffectKind`."""

    kind = CHANGE
    params: type[Commit] = ChangeParams

    async def found(self, place: Place, wanted: ChangeParams, context: EffectContext, commit: str) -> Facts | None:
        """The branch is there. The effect has happened when the target holds it, too."""
        if wanted.merge_into and not await _holds(place, await _target(place, wanted), commit):
            return await self.published(place, wanted, context, commit)
        return facts(wanted, commit)

    async def published(self, place: Place, wanted: ChangeParams, context: EffectContext, commit: str) -> Facts:
        """The branch was made. Merge it, if that was signed."""
        if wanted.merge_into:
            await _merge(place, wanted, context, commit)
        return facts(wanted, commit)


def facts(wanted: ChangeParams, commit: str) -> Facts:
    count = len(wanted.files)
    then = f" and merged into {wanted.merge_into}" if wanted.merge_into else ""
    return {
        "says": f"Committed {count} file{'' if count == 1 else 's'} as {commit[:12]} on branch {wanted.branch}{then}",
        "commit": commit,
        "branch": wanted.branch,
        "repository": wanted.repository,
        "base": wanted.base,
        "merged_into": wanted.merge_into,
        "ticket": wanted.ticket,
    }


async def _target(place: Place, wanted: ChangeParams) -> str:
    tip = await branch_tip(place, wanted.merge_into)
    if tip is None:
        raise DestinationMoved(
            f"{wanted.repository!r} has no branch {wanted.merge_into!r} any more.",
            subject=wanted.merge_into,
            way_out=f"The commit is on {wanted.branch}: merge it where it belongs.",
        )
    return tip


async def _holds(place: Place, tip: str, commit: str) -> bool:
    return (await place.git("merge-base", "--is-ancestor", commit, tip)).exit_code == 0


async def _merge(place: Place, wanted: ChangeParams, context: EffectContext, commit: str) -> None:
    tip = await _target(place, wanted)
    if await _holds(place, tip, commit):
        return
    merged = commit if tip == wanted.base else await _merge_commit(place, wanted, context, tip, commit)
    ref = f"refs/heads/{wanted.merge_into}"
    fault("git.before_merge")
    if place.url:
        lease = f"--force-with-lease={ref}:{tip}"
        result = await place.git("push", "--quiet", "--no-verify", lease, "--", place.url, f"{merged}:{ref}")
    else:
        result = await place.git("update-ref", ref, merged, tip, env=people(wanted, context))
    fault("git.after_merge")
    if result.exit_code != 0 and not await _holds(place, await _target(place, wanted), commit):
        # Somebody else was quicker, or holds git's lock: the next attempt looks again.
        raise SandboxFailed(f"{wanted.merge_into!r} moved while it was merged into.", subject=wanted.repository)


async def _merge_commit(place: Place, wanted: ChangeParams, context: EffectContext, tip: str, commit: str) -> str:
    """For a target that has moved on since the change was made, and nobody touched its files."""
    if place.url:
        await place.must("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", place.url, tip)
    paths = [f":(literal){each.path}" for each in wanted.files]
    touched = await place.must("diff", "--name-only", "-z", f"{wanted.base}...{tip}", "--", *paths)
    merged = await place.git("merge-tree", "--write-tree", tip, commit)
    if touched or merged.exit_code != 0:
        names = ", ".join(repr(name.decode(errors="replace")) for name in touched.split(b"\0") if name)
        raise DestinationMoved(
            f"{wanted.merge_into!r} has moved on, and others changed {names or 'what this changes'} meanwhile.",
            subject=wanted.merge_into,
            way_out=f"The commit is on {wanted.branch}: merge it by hand, or start a new run.",
        )
    tree = merged.stdout.decode().split("\n", 1)[0].strip()
    words = f"Merge {wanted.branch}: {message(wanted, context)}"
    return await commit_tree(place, wanted, context, tree, [tip, commit], words)
