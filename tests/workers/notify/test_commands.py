"""`countersign notify`, as a person types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.errors import BadInput
from workers.cli import app
from workers.cli.common import opened_ledger
from workers.notify.setting_up import defaults
from workers.settings import Settings


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["notify", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COUNTERSIGN_PERSON", "ana")


@pytest.mark.usefixtures("installed")
def test_a_wish_is_set_in_parts_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_NOTIFY_WINDOW", "hour")
    monkeypatch.setenv("COUNTERSIGN_NOTIFY_QUIET", "19:00-07:00 weekends")
    assert "quiet 19:00-07:00 and weekends" in run("show")
    run(
        "set",
        "--window",
        "day",
        "--daily-at",
        "08:15",
        "--email",
        "ana@example.com",
        "--quiet",
        "none",
        "--no-weekends",
    )
    told = run("set", "--time-zone", "Europe/Berlin")
    assert "window day at 08:15, Europe/Berlin, no quiet hours" in told
    assert "ana@example.com waits for its code" in told
    with opened_ledger() as (_, ledger):
        code = ledger.new_code("ana")[1]
    assert "ana@example.com" in run("verify", code)
    with pytest.raises(BadInput, match="no channel that is set up"):
        run("test")
    monkeypatch.setenv("COUNTERSIGN_NOTIFY_SMTP", "smtp://mail.example.com")
    assert "On its way: email" in run("test")
    assert "test" in run("show")


@pytest.mark.usefixtures("installed")
def test_nothing_is_served_where_nothing_is_set_up() -> None:
    with pytest.raises(BadInput, match="No way to tell people"):
        run("serve")


@pytest.mark.parametrize(("name", "value"), [("quiet", "18-8"), ("quiet", "08:00-08:00"), ("time_zone", "Mars/Base")])
def test_defaults_that_cannot_be_say_so(name: str, value: str) -> None:
    with pytest.raises(BadInput):
        defaults(Settings(**{f"notify_{name}": value}))
