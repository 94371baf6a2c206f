"""From a history to a sealed proposal: what is shown is what would be done."""

import dataclasses
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.changelog.already import ALREADY
from activities.changelog.checks import check_draft
from activities.changelog.compose import ChangelogComposing
from activities.changelog.gather import ChangelogGathering
from activities.changelog.propose import ChangelogProposing
from activities.changelog.render import is_bot, make_draft
from activities.toolbox import Identity, Toolbox
from contracts.changelog import (
    ChangelogDraft,
    ComposeRequest,
    Drafted,
    GatherRequest,
    History,
    LeftOut,
    Line,
    ProposeRequest,
    Section,
)
from contracts.errors import BadInput
from contracts.proposal import ClaimsPanel, ComparePanel, DiffPanel, MarkdownPanel, Proposal, TablePanel
from contracts.records import RunRecord
from contracts.runs import Sealed
from ledger import FolderArtifacts, Ledger
from sandboxes.bubblewrap import Bubblewrap
from tests.support.repositories import CHANGELOG, Commit, build, git, small, stream

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    state = tmp_path_factory.mktemp("state")
    artifacts = FolderArtifacts(state / "artifacts")
    ledger = Ledger.open(f"sqlite:///{state / 'ledger.db'}", artifacts)
    identity = Identity(author_name="Ana Reviewer", author_email="ana@example.org")
    yield Toolbox(ledger, artifacts, Bubblewrap(state / "sandboxes"), None, identity, state)
    ledger.close()


async def drafted(toolbox: Toolbox, folder: Path) -> tuple[str, Drafted]:
    """A draft with a line for each change of a person. What the baseline would choose is tested elsewhere."""
    found = await ChangelogGathering(toolbox).gather(GatherRequest(repository=str(folder)))
    history = toolbox.artifacts.get_model(History, found.history)
    lines, out = [], []
    for change in history.changes:
        if is_bot(change.author):
            out.append(LeftOut(sha=change.sha, subject=change.subject, why="a bot's"))
            continue
        section: Section = "Fixed" if change.subject.startswith("Fix") else "Added"
        text, _, number = (change.body or change.subject).partition(" (#")
        references = (f"#{number.rstrip(')')}",) if number else ()
        lines.append(Line(section=section, text=text, changes=(change.sha,), references=references))
    draft = make_draft(history, "Unreleased", lines, out)
    checks = check_draft(draft, history)
    reference = toolbox.artifacts.put_model(draft)
    return found.history, Drafted(draft=reference, lines=len(lines), left_out=len(out), checks=checks)


def asking(run: str, history: str, draft: Drafted, /, **more: object) -> ProposeRequest:
    fields: dict[str, object] = {
        "run": run,
        "workflow": "changelog",
        "version": "1",
        "revision": 1,
        "history": history,
        "draft": draft.draft,
        "baseline": draft.draft,
        "checks": draft.checks,
        "cost": draft.cost,
    }
    return ProposeRequest.model_validate({**fields, **more})


async def propose(toolbox: Toolbox, request: ProposeRequest, attempt: int = 1) -> tuple[Sealed, Proposal]:
    toolbox.ledger.start_run(RunRecord(run=request.run, workflow="changelog", started_at=NOW))
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, scheduled_time=NOW, attempt=attempt)
    sealed = await environment.run(ChangelogProposing(toolbox).propose, request)
    return sealed, toolbox.ledger.proposal(sealed.digest)


async def test_what_is_shown_is_what_would_be_done(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo", checkout=True)
    history, draft = await drafted(toolbox, folder)
    sealed, proposal = await propose(toolbox, asking("run-1", history, draft))
    assert proposal.is_intact
    assert (proposal.drafted_by, proposal.created_at) == ("baseline", NOW)
    markdown, diff, claims, out = proposal.panels
    assert isinstance(markdown, MarkdownPanel)
    assert proposal.editable is not None
    assert markdown.text == proposal.editable.text
    assert "- Add a colour option (#12, " in markdown.text
    assert isinstance(diff, DiffPanel)
    (effect,) = proposal.effects
    text = toolbox.artifacts.get(str(effect.params["text_ref"]))
    subprocess.run(["git", "apply", "-"], input=diff.diff.encode(), cwd=folder, check=True)
    assert (folder / "CHANGELOG.md").read_bytes() == text
    assert text.replace(markdown.text.encode() + b"\n", b"") == CHANGELOG
    assert isinstance(claims, ClaimsPanel)
    assert len(claims.claims) == draft.lines
    assert any("Fix the crash" in source.text for claim in claims.claims for source in claim.sources)
    assert isinstance(out, TablePanel)
    assert out.folded
    assert any("actions/checkout" in row[1].text for row in out.rows)
    grown = text.count(b"\n") - CHANGELOG.count(b"\n")
    assert effect.says.startswith(f"Commit {grown} lines to CHANGELOG.md")
    assert effect.says.endswith(" as Ana Reviewer")
    assert effect.params["until"] == git(folder, "rev-parse", "main")
    assert sealed.effects == (effect.key,)
    run = toolbox.ledger.run("run-1")
    assert (run.state, run.subject, run.cost_usd) == ("waiting", "demo", "0")
    assert proposal.title == "Changelog of demo: 3 lines since tag v1.0.0"


async def test_a_retry_makes_the_same_digest(toolbox: Toolbox, tmp_path: Path) -> None:
    history, draft = await drafted(toolbox, small(tmp_path / "demo"))
    request = asking("run-2", history, draft)
    first, _ = await propose(toolbox, request)
    again, _ = await propose(toolbox, request, attempt=2)
    assert first == again
    assert len(toolbox.ledger.proposals(run="run-2")) == 1


async def test_a_persons_edit_is_a_new_revision(toolbox: Toolbox, tmp_path: Path) -> None:
    history, draft = await drafted(toolbox, small(tmp_path / "demo"))
    first, proposal = await propose(toolbox, asking("run-3", history, draft))
    assert proposal.editable
    text = proposal.editable.text.replace("Add a colour option", "Choose any colour")
    more = {"text": text, "edited_by": "ana", "revision": 2}
    second, edited = await propose(toolbox, asking("run-3", history, draft, **more))
    assert second.digest != first.digest
    assert (edited.drafted_by, edited.edited_by) == ("person", "ana")
    assert edited.effects[0].key != proposal.effects[0].key
    assert b"- Choose any colour" in toolbox.artifacts.get(str(edited.effects[0].params["text_ref"]))
    compare = next(panel for panel in edited.panels if isinstance(panel, ComparePanel))
    assert (compare.left, compare.right) == (proposal.editable.text, text)
    claims = next(panel for panel in edited.panels if isinstance(panel, ClaimsPanel))
    assert [len(claim.sources) for claim in claims.claims] == [1, 1, 1]
    assert all(check.passed for check in edited.checks)
    assert [record.digest for record in toolbox.ledger.proposals(run="run-3")] == [second.digest]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("  ", "is empty"),
        ("## Unreleased\n\n### Added\n\n- Made up (abc1234)\n", "'abc1234'"),
        ("## Unreleased\n\n- <script>alert(1)</script>\n", "could run"),
    ],
)
async def test_an_edit_that_cannot_stand_is_refused(toolbox: Toolbox, tmp_path: Path, text: str, says: str) -> None:
    history, draft = await drafted(toolbox, small(tmp_path / "demo"))
    run = f"run-4-{says}"
    await propose(toolbox, asking(run, history, draft))
    with pytest.raises(BadInput) as caught:
        await propose(toolbox, asking(run, history, draft, text=text, edited_by="ana", revision=2))
    assert says in caught.value.what
    assert [record.revision for record in toolbox.ledger.proposals(run=run)] == [1]


async def test_a_models_draft_stands_beside_the_baselines(toolbox: Toolbox, tmp_path: Path) -> None:
    history, draft = await drafted(toolbox, small(tmp_path / "demo"))
    baseline = toolbox.artifacts.get_model(ChangelogDraft, draft.draft)
    model = baseline.model_copy(update={"drafted_by": "model", "markdown": baseline.markdown.replace("Add", "Get")})
    request = asking("run-5", history, draft, draft=toolbox.artifacts.put_model(model))
    _, proposal = await propose(toolbox, request)
    compare = next(panel for panel in proposal.panels if isinstance(panel, ComparePanel))
    assert (compare.left, compare.right) == (baseline.markdown, model.markdown)
    assert proposal.drafted_by == "model"


async def test_a_fallback_is_marked(toolbox: Toolbox, tmp_path: Path) -> None:
    history, draft = await drafted(toolbox, small(tmp_path / "demo"))
    _, proposal = await propose(toolbox, asking("run-6", history, draft, fallback="the model was busy"))
    assert (proposal.drafted_by, proposal.fallback) == ("baseline", "the model was busy")


async def test_an_unreleased_section_is_added_to(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    text = CHANGELOG.replace(b"## [1.0.0]", b"## [Unreleased]\n\n### Added\n\n- By hand\n\n## [1.0.0]")
    stream(folder, [Commit("Write up", {"CHANGELOG.md": text}, start="main")])
    history, draft = await drafted(toolbox, folder)
    _, proposal = await propose(toolbox, asking("run-7", history, draft))
    new = toolbox.artifacts.get(str(proposal.effects[0].params["text_ref"])).decode()
    assert new.count("Unreleased") == 1
    assert "- By hand\n- Add a colour option (#12, " in new


async def test_what_stands_there_already_is_not_drafted_again(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    request = GatherRequest(repository=str(folder))
    before = await composed(toolbox, request)
    assert "colour option" in before.markdown
    text = CHANGELOG.replace(b"## [1.0.0]", b"## [Unreleased]\n\n- Colours, by hand (#12)\n\n## [1.0.0]")
    stream(folder, [Commit("Write up colours", {"CHANGELOG.md": text}, start="main")])
    after = await composed(toolbox, request)
    assert "colour option" not in after.markdown
    assert any(out.why == ALREADY and "colour" in out.subject for out in after.left_out)


async def composed(toolbox: Toolbox, request: GatherRequest) -> ChangelogDraft:
    found = await ChangelogGathering(toolbox).gather(request)
    asked = ComposeRequest(history=found.history, heading="Unreleased")
    drafted = await ChangelogComposing(toolbox).compose(asked)
    assert drafted.lines == 0 or all(check.passed for check in drafted.checks)
    return toolbox.artifacts.get_model(ChangelogDraft, drafted.draft)


async def test_a_project_without_a_changelog_gets_one(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = build(tmp_path / "r", [Commit("Add flying (#3)", {"a.py": b"x = 1\n"})], checkout=True)
    history, draft = await drafted(toolbox, folder)
    _, proposal = await propose(toolbox, asking("run-8", history, draft))
    diff = next(panel for panel in proposal.panels if isinstance(panel, DiffPanel))
    subprocess.run(["git", "apply", "-"], input=diff.diff.encode(), cwd=folder, check=True)
    assert (folder / "CHANGELOG.md").read_text().startswith("# Changelog\n")


async def test_an_rst_file_gets_an_rst_entry(toolbox: Toolbox, tmp_path: Path) -> None:
    rst = b"Changes\n=======\n\n1.0\n---\n\n- First\n"
    commits = [Commit("Start", {"CHANGES.rst": rst}, tag="1.0"), Commit("Fix `it` (#3)", {"a.py": b"x\n"})]
    history, draft = await drafted(toolbox, build(tmp_path / "r", commits))
    _, proposal = await propose(toolbox, asking("run-9", history, draft))
    panel = proposal.panels[0]
    assert isinstance(panel, MarkdownPanel)
    assert panel.text.startswith("```rst\nUnreleased\n----------\n")
    told = toolbox.artifacts.get_model(History, history)
    assert told.changelog_path == "CHANGES.rst"
    new = toolbox.artifacts.get(str(proposal.effects[0].params["text_ref"])).decode()
    assert "Fixed\n~~~~~\n\n- Fix ``it``" in new
    assert new.endswith("\n1.0\n---\n\n- First\n")
