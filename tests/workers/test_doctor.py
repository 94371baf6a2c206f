"""The doctor says what is missing, the command that fixes it, and never a secret."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers import doctor, packages
from workers.cli.doctor import show
from workers.doctor import Finding
from workers.processes import free_port
from workers.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(state=tmp_path / "state", tools=tmp_path / "tools", console_port=free_port())
    made.temporal_port, made.temporal_ui_port, made.temporal_address = free_port(), free_port(), ""
    return made


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


async def test_nothing_needed_is_missing_where_the_tests_run(settings: Settings) -> None:
    findings = await doctor.examine(settings)
    assert [finding for finding in findings if finding.state == "missing"] == []
    assert doctor.is_well(findings)
    assert {"Python", "git", "bubblewrap", "Temporal", "state folder", "disk", "person"} <= set(by_name(findings))


async def test_it_changes_nothing(settings: Settings) -> None:
    await doctor.examine(settings)
    assert not settings.state.exists()
    assert not settings.tools.exists()


async def test_without_git_it_is_not_well_and_says_the_command(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = await doctor.git(settings)
    assert not doctor.is_well(findings)
    assert "git" in findings[0].fix


async def test_an_old_git_is_missing(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho git version 2.17.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    [found] = await doctor.git(settings)
    assert found.state == "missing"
    assert "2.17.1" in found.says


async def test_a_taken_port_is_named_with_its_holder(settings: Settings, listening: int) -> None:
    settings.console_port = listening
    found = by_name(await doctor.ports(settings))[f"port {listening}"]
    assert found.state == "missing"
    assert str(os.getpid()) in found.says
    assert found.fix.startswith("COUNTERSIGN_CONSOLE_PORT=")


async def test_model_keys_are_named_and_never_shown(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-sentinel-0123456789")
    findings = await doctor.examine(settings)
    assert "ANTHROPIC_API_KEY set" in by_name(findings)["model"].says
    assert "sentinel" not in repr(findings)


async def test_a_database_that_does_not_answer_is_missing_and_its_password_hidden(settings: Settings) -> None:
    settings.database_url = f"postgresql+psycopg://me:sentinel@127.0.0.1:{free_port()}/none"
    [found] = await doctor.database(settings)
    assert found.state == "missing"
    assert "sentinel" not in repr(found)


async def test_an_unreachable_server_is_missing(settings: Settings) -> None:
    settings.temporal_address = f"127.0.0.1:{free_port()}"
    [found] = await doctor.temporal(settings)
    assert found.state == "missing"
    assert settings.temporal_address in found.says


async def test_a_key_that_others_can_read_is_refused(settings: Settings) -> None:
    settings.person = "somebody"
    settings.keys.mkdir(parents=True)
    key = settings.keys / "somebody_ed25519"
    key.write_text("key")
    key.chmod(0o644)
    [found] = await doctor.person(settings)
    assert (found.state, found.fix) == ("missing", f"chmod 600 {key}")


async def test_without_a_file_of_mcp_servers_nothing_is_missing(settings: Settings) -> None:
    [found] = await doctor.mcp(settings)
    assert (found.name, found.state) == ("MCP servers", "optional")
    assert found.fix.startswith("COUNTERSIGN_MCP_SERVERS=")


async def test_mcp_servers_are_named_with_what_they_need_and_never_a_secret(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.mcp_servers = tmp_path / "servers.toml"
    settings.mcp_servers.write_text(
        f"""
[tracker]
url = "https://tracker.example.com/mcp"
credential = "TRACKER_TOKEN"

[docs]
command = ["/docs/serve"]
folders = {{ "/docs" = "{tmp_path / "docs"}" }}
"""
    )
    [found] = await doctor.mcp(settings)
    assert (found.state, found.fix) == ("missing", "TRACKER_TOKEN=…")
    monkeypatch.setenv("TRACKER_TOKEN", "sentinel-0123456789")
    [found] = await doctor.mcp(settings)
    assert found.state == "missing"
    assert str(tmp_path / "docs") in found.says
    (tmp_path / "docs").mkdir()
    [found] = await doctor.mcp(settings)
    assert (found.state, found.says) == ("ok", "docs, tracker (not tried)")
    assert "sentinel" not in repr(await doctor.examine(settings))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("tracker = [", "Invalid"),
        ('[tracker]\nurl = "http://tracker.example.com/mcp"\n', "https://"),
        ('[tracker]\nurl = "https://me:sentinel@tracker.example.com/mcp"\n', "name a credential"),
        ('[Tracker]\nurl = "https://tracker.example.com/mcp"\n', "no server's name"),
    ],
)
async def test_a_wrong_file_of_mcp_servers_is_missing_with_the_way_out(
    settings: Settings, tmp_path: Path, text: str | None, says: str
) -> None:
    settings.mcp_servers = tmp_path / "servers.toml"
    if text is not None:
        settings.mcp_servers.write_text(text)
    [found] = await doctor.mcp(settings)
    assert found.state == "missing"
    assert not doctor.is_well([found])
    assert says in found.says
    assert str(settings.mcp_servers) in found.says
    assert found.fix.startswith("Correct the file, or unset COUNTERSIGN_MCP_SERVERS")
    assert "sentinel" not in repr(found)


async def test_a_file_of_mcp_servers_that_cannot_be_read_is_missing(settings: Settings, tmp_path: Path) -> None:
    settings.mcp_servers = tmp_path  # a folder, which root can't read as a file either
    [found] = await doctor.mcp(settings)
    assert found.state == "missing"
    assert "unset COUNTERSIGN_MCP_SERVERS" in found.fix


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_state_folder_that_cannot_be_written_is_missing(settings: Settings, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    [found] = await doctor.state(settings)
    assert found.state == "missing"


def test_the_table_shows_the_fix_and_takes_nothing_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show([Finding("git", "missing", "[bold]odd[/bold]", "sudo apt-get install -y git")], well=False)
    printed = " ".join(capsys.readouterr().out.split())
    assert "[bold]odd[/bold]" in printed
    assert "Needed and missing: git." in printed


@pytest.mark.parametrize(
    ("manager", "expected"),
    [("apt-get", "apt-get install -y openssh-client"), ("dnf", "dnf install -y openssh-clients"), ("brew", "openssh")],
)
def test_the_command_is_this_systems_own(
    manager: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / manager).write_text("#!/bin/sh\n")
    (tmp_path / manager).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert expected in packages.install("ssh-keygen")


def test_the_command_line_prints_json_and_its_exit_code_tells(settings: Settings, listening: int) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(settings.state.parent),
        "COUNTERSIGN_STATE": str(settings.state),
        "COUNTERSIGN_CONSOLE_PORT": str(listening),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "workers", "doctor", "--json"], env=environment, capture_output=True, text=True
    )
    said = json.loads(ended.stdout)
    assert (ended.returncode, said["well"]) == (1, False)
    assert [each["name"] for each in said["findings"] if each["state"] == "missing"] == [f"port {listening}"]


async def test_where_tickets_come_from(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_TICKETS", raising=False)
    [found] = await doctor.tickets(settings)
    assert found.state == "optional"
    settings.ticket_credentials = "github.com=TEST_TICKETS"
    [found] = await doctor.tickets(settings)
    assert (found.state, found.fix) == ("missing", "TEST_TICKETS=…")
    monkeypatch.setenv("TEST_TICKETS", "sentinel-of-the-doctor")
    [found] = await doctor.tickets(settings)
    assert found.state == "ok"
    assert "sentinel" not in found.says
    settings.ticket_credentials = "elsewhere.example=TEST_TICKETS"
    [found] = await doctor.tickets(settings)
    assert found.state == "missing"
