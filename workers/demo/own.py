"""The fix demo on a person's own repository and ticket."""

from pathlib import Path

from activities.ticket_to_pr.reading import from_file
from workers.demo.release import Case
from workers.demo.repository import head_of


def own_case(repository: Path, ticket: str) -> Case:
    """Both as they are, looked at before anything is started. Raises NotARepository, NotFound, BadInput."""
    path = Path(ticket).expanduser().resolve()
    read = from_file(str(path))
    repository = repository.expanduser().resolve()
    head_of(repository)
    return Case(repository, path, read.title, read.body, f"a bare clone of {repository}")
