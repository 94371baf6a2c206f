"""Which branch takes a fix in: one of a bare repository of this host, where no work tree follows it."""

from pathlib import Path

from activities.effects.git_place import is_url
from contracts.ticket import TicketRequest


def merge_target(request: TicketRequest) -> str:
    """The branch to merge into; empty where the fix stays on a branch of its own, for people to merge.

    A branch that is checked out somewhere is never moved under its work tree.
    """
    path = Path(request.repository).expanduser()
    if is_url(request.repository) or not (path / "HEAD").is_file() or (path / ".git").exists():
        return ""
    if request.branch:
        return request.branch
    head = (path / "HEAD").read_text().strip()
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""
