"""Opens what is kept on this host: the state folder, the artifacts, the ledger. Cheap to import."""

from collections.abc import Iterator
from contextlib import contextmanager

from contracts.errors import StateUnusable
from ledger import FolderArtifacts, Ledger, Trust
from ledger.migrate import is_current
from workers.settings import Settings


def open_ledger(settings: Settings, *, seals: bool = False, keeps: bool = False) -> Ledger:
    """The ledger of this installation, with its schema brought up to date.

    `seals`: this process holds the ledger's key and seals new entries; one such process is enough.
    `keeps`: it remembers whom it has seen signed for and revoked; that is the effects' process.
    """
    try:
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StateUnusable(
            f"The state folder {str(settings.state)!r} can't be made: {error.strerror}.",
            subject=str(settings.state),
            way_out="Point COUNTERSIGN_STATE at a folder that you may write to.",
        ) from error
    return Ledger.open(
        settings.database,
        FolderArtifacts(settings.artifacts),
        signing_key=settings.state / "ledger_ed25519" if seals else None,
        trust=Trust(settings.trusted, quorum=settings.trust_quorum, keeps=keeps),
    )


@contextmanager
def existing_ledger(settings: Settings) -> Iterator[Ledger | None]:
    """The ledger to look at, with nothing made or upgraded; None where there is none of this release."""
    if not is_current(settings.database):
        yield None
        return
    with open_ledger(settings) as ledger:
        yield ledger
