"""Measures what effects would do, for the bounds of standing approvals: from the parameters that are signed, and from
diffs that are made again, and have to be the same, before anything is done."""

import re
from collections.abc import Sequence

from activities.effects import KINDS
from activities.effects.git_params import ChangeParams, Commit
from activities.effects.pull_params import PullParams
from contracts.errors import CountersignError, NotStanding
from contracts.gate import Touches
from contracts.proposal import DiffPanel, Effect, Proposal
from contracts.standing import Measured

LINE = 200  # characters: a longer line counts as several, so that nothing hides in one
_UNIQUE = re.compile(r"-[0-9a-f]{7,40}$")  # how a branch of ours ends, made of the content


def measured(proposal: Proposal) -> tuple[Measured, ...]:
    """All effects of a proposal. NotStanding for one that nobody has said how to measure."""
    return tuple(_measured(effect, proposal) for effect in proposal.effects)


def _measured(effect: Effect, proposal: Proposal) -> Measured:
    kind = KINDS.get(effect.kind)
    wanted = getattr(kind, "wanted", None)
    try:
        params = wanted(effect.params) if wanted else None
        if kind is None or not isinstance(params, Commit):
            raise NotStanding(f"Nobody has said how to measure {effect.kind!r}.", subject=effect.key)
        touches, destination = kind.touches(effect.params), kind.subject(effect.params)
    except CountersignError as error:
        raise NotStanding(f"{effect.key!r} can't be measured: {error.what}", subject=effect.key) from error
    return Measured(
        kind=effect.kind,
        destination=destination,
        paths=touches.paths,
        lines=sum(_lines(path, proposal.panels, effect) for path in touches.paths),
        usd=touches.usd,
        audience=touches.audience,
        details=_details(params, touches),
    )


def _lines(path: str, panels: Sequence[object], effect: Effect) -> int:
    """Lines that the shown diff adds and removes. It is the diff: who acts makes it again, and compares."""
    shown = [panel.diff for panel in panels if isinstance(panel, DiffPanel) and panel.path == path]
    if len(shown) != 1:
        raise NotStanding(f"The change of {path!r} is not shown once, so nobody can measure it.", subject=effect.key)
    _, at, body = shown[0].partition("\n@@")
    changed = [line for line in f"{at}{body}".split("\n") if line[:1] in ("+", "-")]
    return sum(max(1, -(-len(line) // LINE)) for line in changed)


def _details(params: Commit, touches: Touches) -> tuple[str, ...]:
    """What else has to be as it was seen: the branch, where it goes from there, in whose name, and what becomes of
    the files."""
    found = [f"on {_UNIQUE.sub('-*', params.branch)}", f"as {params.author_name} <{params.author_email}>"]
    found.append(f"committed by {params.committer_name} <{params.committer_email}>")
    if isinstance(params, PullParams):
        found.append(f"for {params.into}")
    if isinstance(params, ChangeParams) and params.merge_into:
        found.append(f"merged into {params.merge_into}")
    for change in params.changes:
        found.append("writes a file" if change.ref else "removes a file")
        if change.mode:
            found.append(f"with mode {change.mode}")
    return tuple(dict.fromkeys(found))
