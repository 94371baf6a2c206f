"""`countersign effects`, and what the settings and the doctor say of limits."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.errors import BadInput, MissingRole
from contracts.records import Person
from ledger import Ledger
from tests.ledger.support import effect_record, enrolled, proposal
from workers import doctor
from workers.cli import effects as commands
from workers.cli import people
from workers.cli.common import opened_ledger
from workers.effects import limits_of
from workers.settings import Settings

Output = pytest.CaptureFixture[str]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> Iterator[Ledger]:
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path))
    monkeypatch.setenv("COUNTERSIGN_PERSON", "ana")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(commands, "PATIENCE", 0.0)
    people.enrol()
    capsys.readouterr()
    with opened_ledger() as (_, opened):
        yield opened


def begun(ledger: Ledger, number: int = 1, *, again: bool = True) -> str:
    run = f"run-{number}"
    decision = enrolled(ledger, f"bo-{number}").decide(proposal(ledger, run=run))
    record = effect_record(decision, key=f"{run}/commit", intended_at=datetime.now(UTC))
    ledger.intend(record)
    ledger.begin_effect(record.key, again=again)
    return record.key


def listed(limit: int = 20) -> None:
    class Context:
        invoked_subcommand = None

    commands.effects(Context(), limit)  # type: ignore[arg-type]


def test_stop_says_what_was_in_flight_and_start_lets_it_go_on(ledger: Ledger, capsys: Output) -> None:
    key = begun(ledger)
    commands.stop("wrong branch")
    said = capsys.readouterr().out
    assert "Effects are stopped by ana since" in said
    assert "UTC: wrong branch" in said
    for word in (key, "git.commit_file", "run-1", "acting", f"{key}: still in flight"):
        assert word in said
    commands.stop("again")
    assert "They were stopped already." in capsys.readouterr().out
    listed()
    said = capsys.readouterr().out
    assert "wrong branch" in said
    assert key in said
    commands.start()
    assert "Effects go on." in capsys.readouterr().out
    commands.start()
    assert "Effects were not stopped." in capsys.readouterr().out
    listed()
    assert "Effects are carried out." in capsys.readouterr().out


def test_whoever_is_no_administrator_may_not(ledger: Ledger) -> None:
    ledger.enrol(Person(name="ana", display_name="Ana", roles=("reviewer",)))
    with pytest.raises(MissingRole, match="administrator"):
        commands.stop("")
    assert not ledger.effect_switch().stopped


def test_settle_answers_what_nobody_else_knows(ledger: Ledger, capsys: Output) -> None:
    key = begun(ledger, again=False)
    ledger.doubt_effect(key, "its process died")
    listed()
    assert f"countersign effects settle {key}" in capsys.readouterr().out
    commands.settle(key, True, "it is there")
    said = capsys.readouterr().out
    assert f"{key}: done." in said
    assert "within the hour" in said, "no server answers here"


async def test_limits_are_shown_with_their_use(ledger: Ledger, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        begun(ledger, number)
    monkeypatch.setenv("COUNTERSIGN_EFFECT_LIMITS", "git.commit_file=2/hour, *@*=9/day")
    listed()
    said = capsys.readouterr().out
    assert "git.commit_file=2/hour: 2 of 2 began in this hour, full until " in said
    assert "*@*=9/day: 2 of 9 began in this day at /repo" in said
    commands.stop("wrong branch")
    [finding] = await doctor.effects(Settings())
    assert finding.state == "optional"
    assert "stopped by ana" in finding.says
    assert "git.commit_file=2/hour: 2 of 2" in finding.says
    assert finding.fix == "countersign effects start"


async def test_a_wrong_limit_is_named_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path / "none"))
    assert [each.state for each in await doctor.effects(Settings())] == ["ok"]
    for text in ("git.pulls=1/hour", "*=1/week"):
        monkeypatch.setenv("COUNTERSIGN_EFFECT_LIMITS", text)
        with pytest.raises(BadInput, match="COUNTERSIGN_EFFECT_LIMITS"):
            limits_of(Settings())
        assert [each.state for each in await doctor.effects(Settings())] == ["missing"]
    assert not (tmp_path / "none").exists()
