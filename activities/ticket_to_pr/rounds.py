"""What changed from one revision to the next, for a reviewer who has read the one before."""

from activities.diff import unified
from activities.effects.git_commit import text_of
from contracts.proposal import MarkdownPanel
from contracts.ticket import FileDiff, Proof
from ledger import ArtifactStore

MOST = 30_000


def since(
    artifacts: ArtifactStore, revision: int, earlier: Proof | None, proof: Proof | None
) -> tuple[MarkdownPanel, ...]:
    """The files that are not as the revision before had them. One that is as at the start again is not part of it."""
    if earlier is None or proof is None:
        return ()
    old = {file.path: file for file in earlier.files}
    return tuple(
        MarkdownPanel(title=f"Since revision {revision - 1}: {file.path}"[:200], text=_fenced(diff))
        for file in proof.files
        if (diff := _between(artifacts, old.get(file.path), file))
    )


def _fenced(diff: str) -> str:
    """To be read, and no diff panel: what those show is what is committed, and the effect checks it."""
    fence = "`" * 8
    return f"{fence}diff\n{diff[:MOST].replace(fence, '`')}\n{fence}\n"


def _between(artifacts: ArtifactStore, old: FileDiff | None, new: FileDiff) -> str:
    """Empty where nothing changed. A file that the revision before left alone is as its own diff shows it."""
    if old is None:
        return new.diff
    if (old.ref, old.mode) == (new.ref, new.mode):
        return ""
    mode = new.mode if new.mode != old.mode else ""
    return unified(new.path, _text(artifacts, old), _text(artifacts, new), mode=mode)


def _text(artifacts: ArtifactStore, file: FileDiff) -> str | None:
    return text_of(artifacts.get(file.ref)) if file.ref else None
