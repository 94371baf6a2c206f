"""The whole way in a real Chromium: a changelog of a real repository, edited and approved, becomes one commit."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from temporalio.client import Client

from contracts.changelog import ChangelogRequest
from tests.console.conftest import deps_for
from tests.console.pictures import DESK, picture
from tests.console.running import served
from tests.support.platform import Platform
from workers import keys
from workers.client import connect
from workers.processes import free_port

pytestmark = pytest.mark.browser
SUBJECTS = ("Start", "Add a dry run to the sync command", "Fix uploads larger than 4 GB", "Tidy imports")


def git(repository: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Grace", "-c", "user.email=grace@example.com")
    ran = subprocess.run(["git", *who, *arguments], cwd=repository, check=True, capture_output=True, text=True)
    return ran.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "harbor"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for number, subject in enumerate(SUBJECTS):
        (folder / f"sync{number}.py").write_text(f"print({number})\n" * 20)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", subject)
    return folder


@pytest_asyncio.fixture
async def console(here: Platform) -> AsyncIterator[str]:
    """The address of a console over the installation."""

    async def temporal() -> Client:
        return await connect(here.settings, here.tools.artifacts)

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with served(deps_for(here.ledger, temporal=temporal, base_url=url, temporal_ui=here.settings.ui), port):
        yield url


async def entered(browser: Browser, console: str, here: Platform) -> Page:
    page = await browser.new_page(viewport=DESK)
    token, _ = keys.invite(here.settings, here.ledger, here.settings.person, seconds=60)
    await page.goto(f"{console}/enter#{token}")
    await page.wait_for_url(f"{console}/")
    return page


async def test_a_changelog_is_edited_approved_and_committed(
    here: Platform, console: str, browser: Browser, repository: Path
) -> None:
    run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
    first = await here.waiting(run)
    page = await entered(browser, console, here)
    await page.goto(f"{console}/proposals/{first.id}")
    await picture(page, "changelog")
    await page.get_by_text("Edit it in place").click()
    field = page.locator("#text")
    await field.fill((await field.input_value()).replace("larger than 4 GB", "above 4 GB"))
    await page.get_by_role("button", name="Preview the new revision").click()
    await expect(page.locator("#changed .add")).to_contain_text("above 4 GB")
    second = await here.waiting(run, revision=2)
    await page.get_by_role("button", name=second.button()).click()
    await expect(page.locator("#decide .effect.done")).to_contain_text("Committed")
    outcome = await here.outcome(run)
    assert outcome.digest == second.digest
    branches = git(repository, "branch", "--list", "countersign/*", "--format=%(refname:short)").split()
    assert len(branches) == 1
    assert "above 4 GB" in git(repository, "show", f"{branches[0]}:CHANGELOG.md")
    assert git(repository, "rev-list", "--count", f"main..{branches[0]}").strip() == "1"
    assert git(repository, "status", "--porcelain") == ""
    await page.close()
