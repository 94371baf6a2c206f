"""The changelog from a request to a commit in the real repository, on a real server with both workers."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from contracts.changelog import ChangelogRequest
from contracts.errors import BadInput
from contracts.proposal import ClaimsPanel, DiffPanel, MarkdownPanel, Proposal, TablePanel
from contracts.requirements import StartedBy
from tests.support.platform import Platform
from tests.support.repositories import Commit, build, git
from workers.watcher import root_message

CHANGELOG = b"# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2023-11-01\n\n### Added\n\n- First release\n"

BOT = "dependabot[bot] <bot@example.org>"
NOT_REPOSITORIES = ["/nonexistent/place", "/etc/passwd", "/tmp", "--upload-pack=x", "ext::sh -c true"]


def small_repository(folder: Path) -> Path:
    """Two commits readers want, two they don't, after a tag."""
    return build(
        folder,
        [
            Commit("Start", {"CHANGELOG.md": CHANGELOG, "src/app.py": b"print(1)\n"}, tag="v1.0.0"),
            Commit("feat: Export reports as CSV (#12)", {"src/export.py": b"def export(): ...\n"}),
            Commit("fix: Crash when the file is empty (#13)", {"src/app.py": b"print(2)\n"}),
            Commit("ci: Cache dependencies", {".github/workflows/ci.yml": b"on: push\n"}),
            Commit(
                "Bump ruff from 0.1 to 0.2", {"requirements-dev.txt": b"ruff==0.2\n"}, author="dependabot[bot] <b@b>"
            ),
        ],
        checkout=True,
    )


def state_of(repository: Path) -> tuple[str, str, str]:
    """What must not change: the work tree, the checked-out branch, and where it stands."""
    return (
        git(repository, "status", "--porcelain", "--ignored"),
        git(repository, "symbolic-ref", "HEAD"),
        git(repository, "rev-parse", "HEAD"),
    )


def branches(repository: Path) -> list[str]:
    listed = git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/countersign/")
    return listed.split() if listed else []


async def proposed(here: Platform, repository: Path, **request: str) -> Proposal:
    run = await here.start("changelog", ChangelogRequest(repository=str(repository), **request))
    return await here.waiting(run)


async def failure(here: Platform, **request: str) -> str:
    """What a run that fails says."""
    run = await here.start("changelog", ChangelogRequest(**request))
    with pytest.raises(WorkflowFailureError) as failed:
        await here.outcome(run)
    return root_message(failed.value)


async def test_from_request_to_commit(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    (repository / "src/app.py").write_text("dirty\n")
    (repository / "untracked").write_text("mine\n")
    before = state_of(repository)

    proposal = await proposed(here, repository)
    entry = next(panel for panel in proposal.panels if isinstance(panel, MarkdownPanel))
    assert "CSV" in entry.text
    assert proposal.started_by == StartedBy(kind="person", name="ana")
    assert proposal.team == "platform"
    assert "empty" in entry.text
    assert "ruff" not in entry.text
    assert branches(repository) == [], "nothing happens before a signature"

    await here.decide(proposal, "approve")
    outcome = await here.outcome(proposal.run)
    assert (outcome.state, outcome.signed_by) == ("done", "ana")

    [branch] = branches(repository)
    assert git(repository, "rev-list", "--count", f"HEAD..{branch}") == "1"
    assert git(repository, "diff", "--name-only", f"HEAD..{branch}") == "CHANGELOG.md"
    assert "CSV" in git(repository, "show", f"{branch}:CHANGELOG.md")
    message = git(repository, "log", "-1", "--format=%B", branch)
    assert f"Countersign-Run: {proposal.run}" in message
    assert f"Countersign-Digest: {proposal.digest}" in message
    assert "ana" in message
    assert git(repository, "log", "-1", "--format=%an <%ae>", branch) == "Ana Reviewer <ana@example.com>"
    assert state_of(repository) == before


async def test_the_diff_shown_is_the_commit_made(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    proposal = await proposed(here, repository)
    shown = next(panel for panel in proposal.panels if isinstance(panel, DiffPanel))
    await here.decide(proposal, "approve")
    await here.outcome(proposal.run)
    [branch] = branches(repository)
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "--quiet", str(repository), str(copy))
    patch = shown.diff if shown.diff.endswith("\n") else shown.diff + "\n"
    subprocess.run(["git", "-C", str(copy), "apply", "-"], input=patch.encode(), check=True)
    assert (copy / "CHANGELOG.md").read_text() == git(repository, "show", f"{branch}:CHANGELOG.md") + "\n"


async def test_the_proposal_shows_what_stands_behind_each_line_and_what_was_left_out(
    here: Platform, tmp_path: Path
) -> None:
    repository = small_repository(tmp_path / "app")
    proposal = await proposed(here, repository)
    claims = next(panel for panel in proposal.panels if isinstance(panel, ClaimsPanel))
    assert len(claims.claims) == 2
    assert all(claim.sources for claim in claims.claims)
    left_out = next(panel for panel in proposal.panels if isinstance(panel, TablePanel))
    assert len(left_out.rows) == 2
    assert all(check.passed for check in proposal.checks)
    assert proposal.checks
    assert proposal.cost.usd == 0
    assert "CHANGELOG.md" in proposal.button()
    assert proposal.drafted_by == "baseline"
    await here.client.get_workflow_handle(proposal.run).cancel()


async def test_an_edit_is_what_gets_committed(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    first = await proposed(here, repository)
    assert first.editable is not None
    second = await here.edit(first, first.editable.text.replace("CSV", "spreadsheets (CSV)"))
    await here.decide(second, "approve")
    outcome = await here.outcome(first.run)
    assert outcome.digest == second.digest
    [branch] = branches(repository)
    assert "spreadsheets (CSV)" in git(repository, "show", f"{branch}:CHANGELOG.md")
    closed = next(e for e in here.ledger.entries(run=first.run) if e.name == "run.closed")
    assert closed.facts["edited_by"] == "ana"


async def test_asking_for_changes_gives_another_revision(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    first = await proposed(here, repository)
    await here.decide(first, "request_changes", words="leave out #13")
    second = await here.waiting(first.run, revision=2)
    entry = next(panel for panel in second.panels if isinstance(panel, MarkdownPanel))
    assert "CSV" in entry.text
    assert "empty" not in entry.text
    assert here.ledger.proposal_record(first.digest).state == "changes requested"
    await here.decide(second, "approve")
    assert (await here.outcome(first.run)).state == "done"


async def test_words_that_the_baseline_cannot_act_on_are_answered(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    first = await proposed(here, repository)
    await here.decide(first, "request_changes", words="make it sound more cheerful")
    second = await here.waiting(first.run, revision=2)
    assert "can't act on “make it sound more cheerful”" in second.summary
    await here.decide(second, "reject", reason="style")
    assert (await here.outcome(first.run)).state == "rejected"


async def test_a_rejection_changes_nothing(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    proposal = await proposed(here, repository)
    await here.decide(proposal, "reject", reason="not needed", words="we release next week")
    outcome = await here.outcome(proposal.run)
    assert outcome.state == "rejected"
    assert "next week" in outcome.says
    assert branches(repository) == []


async def test_the_next_run_starts_where_the_signed_one_ended(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    first = await proposed(here, repository)
    await here.decide(first, "approve")
    await here.outcome(first.run)
    run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
    outcome = await here.outcome(run)
    assert outcome.state == "nothing to do"
    assert "signed" in outcome.says
    assert here.ledger.proposals(state="open", run=run) == []


async def test_an_empty_range_makes_no_proposal_and_says_so(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    run = await here.start("changelog", ChangelogRequest(repository=str(repository), since="HEAD"))
    outcome = await here.outcome(run)
    assert outcome.state == "nothing to do"
    assert "no proposal" in outcome.says
    assert here.ledger.run(run).state == "nothing to do"
    assert here.ledger.run(run).subject == "app", "a run that proposes nothing can be told from others"


async def test_what_the_changelog_tells_already_makes_no_proposal_and_says_so(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    cited = "\n".join(f"- {each}" for each in git(repository, "log", "--format=%H %s").splitlines())
    (repository / "CHANGELOG.md").write_text(f"# Changelog\n\n## Unreleased\n\n{cited}\n")
    git(repository, "add", "CHANGELOG.md")
    git(repository, "commit", "-q", "-m", "Write the changelog by hand")
    run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
    outcome = await here.outcome(run)
    assert outcome.state == "nothing to do"
    assert outcome.says.startswith("The changelog has all that readers would want to know")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"since": "v9.9.9"}, "v9.9.9"),
        ({"until": "no-such-branch"}, "no-such-branch"),
        ({"since": "--upload-pack=touch /tmp/x"}, "--upload-pack"),
        ({"changelog_path": "../outside.md"}, "outside.md"),
    ],
)
async def test_bad_input_fails_the_run_once_and_names_it(
    here: Platform, tmp_path: Path, request_: dict[str, str], says: str
) -> None:
    repository = small_repository(tmp_path / "app")
    assert says in await failure(here, repository=str(repository), **request_)
    assert branches(repository) == []


@pytest.mark.parametrize(
    "repository", ["/nonexistent/place", "/etc/passwd", "/tmp", "--upload-pack=x", "ext::sh -c true"]
)
async def test_what_is_not_a_repository_is_named(here: Platform, repository: str) -> None:
    assert repository.split("/")[-1] in await failure(here, repository=repository)


async def test_a_failed_run_is_told_in_the_ledger(here: Platform, tmp_path: Path) -> None:
    run = await here.start("changelog", ChangelogRequest(repository=str(tmp_path)))
    with pytest.raises(WorkflowFailureError):
        await here.outcome(run)
    for _ in range(100):
        record = here.ledger.run(run)
        if record.state == "failed":
            break
        await asyncio.sleep(0.1)
    assert record.state == "failed"
    assert str(tmp_path) in record.says
    attempts = [entry for entry in here.ledger.entries(run=run) if entry.name == "changelog.gather"]
    assert [entry.outcome for entry in attempts] == ["failed"], "a wrong input is tried once"


async def test_an_edit_that_cites_what_is_not_there_is_refused_with_the_reason(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    proposal = await proposed(here, repository)
    assert proposal.editable is not None
    with pytest.raises(BadInput):
        await here.edit(proposal, proposal.editable.text + "\n- Invented (0bad1dea77)\n")
    assert here.ledger.proposal_record(proposal.digest).state == "open"
    await here.client.get_workflow_handle(proposal.run).cancel()


async def test_every_step_left_an_entry_and_the_ledger_verifies(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    proposal = await proposed(here, repository)
    await here.decide(proposal, "approve")
    await here.outcome(proposal.run)
    names = [entry.name for entry in here.ledger.entries(run=proposal.run)]
    for expected in ("changelog.gather", "changelog.compose", "changelog.propose", "gate.judge", "effect.carry_out"):
        assert expected in names
    here.ledger.seal()
    assert here.ledger.verify().ok
