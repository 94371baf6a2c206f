"""As a new user would: `countersign up` in one terminal, the other commands in another, Chromium for the inbox."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.support.repositories import git
from tests.workflows.test_changelog import branches, small_repository
from workers.devserver import Binary
from workers.processes import free_port

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
PICTURES = Path(os.environ.get("COUNTERSIGN_TEST_ARTIFACTS", ROOT / "test-artifacts"))
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
WITHIN = 180.0


@dataclass(frozen=True)
class Terminal:
    """A shell with an installation's settings."""

    environment: dict[str, str]
    console: str
    ui: str

    def start(self, *words: str, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "workers", *words],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def say(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "workers", *words],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def terminal(temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    console, server, ui = free_port(), free_port(), free_port()
    return Terminal(
        {
            "PATH": f"{temporal_binary.path.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path_factory.mktemp("home")),
            "COLUMNS": "200",
            "NO_COLOR": "1",
            "COUNTERSIGN_STATE": str(tmp_path_factory.mktemp("state")),
            "COUNTERSIGN_CONSOLE_PORT": str(console),
            "COUNTERSIGN_TEMPORAL_PORT": str(server),
            "COUNTERSIGN_TEMPORAL_UI_PORT": str(ui),
            "COUNTERSIGN_PERSON": "ana",
        },
        f"http://127.0.0.1:{console}",
        f"http://127.0.0.1:{ui}",
    )


@pytest.fixture(scope="module")
def up(terminal: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """`countersign up`, ready; ended by Ctrl-C at the end, with nothing left running."""
    log = tmp_path_factory.mktemp("up") / "up.log"
    process = terminal.start("up", log=log)
    deadline = time.monotonic() + WITHIN
    while "Inbox" not in log.read_text() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    assert process.poll() is None, log.read_text()
    assert httpx.get(f"{terminal.console}/healthz").status_code == 200, log.read_text()
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 4
    yield process
    process.send_signal(signal.SIGINT)
    assert process.wait(WITHIN) == 0, log.read_text()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


async def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(exist_ok=True, parents=True)
    await page.screenshot(path=PICTURES / f"e2e-{name}.png", full_page=True)


async def test_read_edit_and_sign_in_the_browser(
    up: subprocess.Popen[bytes], terminal: Terminal, tmp_path: Path
) -> None:
    repository = small_repository(tmp_path / "app")
    said = terminal.say("run", "changelog", str(repository))
    run = re.search(r"Started (\S+)", said)[1]  # type: ignore[index]
    assert "changelog.gather" in said
    assert "waits for you" in said
    assert branches(repository) == []

    async with async_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = await browser.new_page()
        await page.goto(terminal.say("link", "--quiet").strip())
        await page.wait_for_url(f"{terminal.console}/")
        await picture(page, "inbox")
        await page.get_by_role("link", name=re.compile("Changelog of app")).first.click()
        await picture(page, "proposal")
        await page.get_by_text("Edit it in place").click()
        box = page.get_by_label("The entry", exact=True)
        await box.fill((await box.input_value()).replace("CSV", "spreadsheets (CSV)"))
        await page.get_by_role("button", name="Preview the new revision").click()
        await expect(page.locator("#changed .add").first).to_contain_text("spreadsheets")
        await page.get_by_role("button", name=re.compile("^Commit .* to CHANGELOG.md on branch")).click()
        await expect(page.locator("#decide .effect.done")).to_contain_text("Committed")
        await picture(page, "approved")
        await page.goto(f"{terminal.console}/runs/{run}")
        await expect(page.locator("body")).to_contain_text("effect.carry_out")
        await picture(page, "run")
        await page.goto(f"{terminal.ui}/namespaces/default/workflows/{run}")
        await expect(page.locator("body")).to_contain_text(run)
        await page.wait_for_timeout(1500)
        await picture(page, "temporal-ui")
        await browser.close()

    [branch] = branches(repository)
    assert "spreadsheets (CSV)" in git(repository, "show", f"{branch}:CHANGELOG.md")
    assert "effect.carry_out" in terminal.say("log", run)
    assert "none changed" in terminal.say("ledger", "verify")


def test_approve_in_the_terminal(up: subprocess.Popen[bytes], terminal: Terminal, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "tool")
    said = terminal.say("run", "changelog", str(repository))
    proposal = re.search(r"countersign approve (\w+)", said)[1]  # type: ignore[index]
    assert proposal in terminal.say("inbox")
    shown = terminal.say("show", proposal)
    assert "+" in shown
    assert "CSV" in shown
    assert "--yes" in terminal.say("approve", proposal, code=2), "without a terminal nobody can be asked"
    assert branches(repository) == []
    assert "Signed" in terminal.say("approve", proposal, "--yes")
    assert len(branches(repository)) == 1
    assert "not open" in (again := terminal.say("approve", proposal, "--yes", code=2)) or "decided" in again, again


def test_wrong_words_get_an_answer_and_no_traceback(up: subprocess.Popen[bytes], terminal: Terminal) -> None:
    for words in (
        ("run", "nope"),
        ("run", "changelog"),
        ("run", "changelog", ".", "--nope", "x"),
        ("show", "ffffffffffff"),
        ("approve", "zz", "--yes"),
        ("log", "no-such-run"),
        ("schedules", "sync", "--file", "/nonexistent.toml"),
        ("schedules", "trigger", "nope"),
        ("new", "Bad Name"),
    ):
        said = terminal.say(*words, code=2)
        assert "Traceback" not in said, words
        assert "Way out" in said, (words, said)


def test_a_run_that_fails_says_so_once_and_by_its_exit_code(
    up: subprocess.Popen[bytes], terminal: Terminal, tmp_path: Path
) -> None:
    said = terminal.say("run", "changelog", str(tmp_path), code=1)
    assert "Failed: " in said
    assert "run.closed" not in said


def test_doctor_finds_all_that_is_needed(up: subprocess.Popen[bytes], terminal: Terminal) -> None:
    assert "All that is needed is here" in terminal.say("doctor")


def test_a_second_up_says_which_port_is_taken(up: subprocess.Popen[bytes], terminal: Terminal) -> None:
    said = terminal.say("up", code=2)
    assert "PortTaken" in said or "StateUnusable" in said
    assert "Way out" in said
