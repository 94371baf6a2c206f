"""What `countersign fix` makes of a ticket and a repository before anything is started."""

from pathlib import Path

import pytest

from contracts.errors import BadInput
from workers.cli.fix import meant
from workers.settings import Settings

SETTINGS = Settings(github="github.com,ghe.example.com", jira="acme.atlassian.net")


@pytest.mark.parametrize(
    ("ticket", "repository"),
    [
        ("github:acme/app#12", "https://github.com/acme/app.git"),
        ("https://github.com/acme/app/issues/12", "https://github.com/acme/app.git"),
        ("github:ghe.example.com/acme/app#12", "https://ghe.example.com/acme/app.git"),
    ],
)
def test_a_github_ticket_brings_its_repository(ticket: str, repository: str) -> None:
    assert meant(ticket, "", SETTINGS) == (ticket, repository)
    assert meant(ticket, "https://github.com/acme/other.git", SETTINGS)[1] == "https://github.com/acme/other.git"


def test_other_tickets_are_about_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert meant("jira:ABC-12", "", SETTINGS) == ("jira:ABC-12", str(tmp_path))
    assert meant("ticket.md", "", SETTINGS) == (str(tmp_path / "ticket.md"), str(tmp_path))


@pytest.mark.parametrize("ticket", ["https://evil.example/a/b/issues/1", "jira:12", "github:acme#1"])
def test_what_no_service_has_is_said_at_once(ticket: str) -> None:
    with pytest.raises(BadInput):
        meant(ticket, "", SETTINGS)
