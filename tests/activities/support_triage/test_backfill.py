"""A whole history is triaged part by part, each ticket once, and ends in one report. All tickets are generated."""

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from activities.progress import Progress
from activities.support_triage import backfill, history, learned, material
from activities.support_triage.backfill import SupportBackfill
from activities.support_triage.history import Journal
from activities.support_triage.report import panels, summary, title
from activities.toolbox import Toolbox
from contracts.proposal import TablePanel
from contracts.support import Backfilled, BackfillReport, Example, Examples, LearnRequest, Material
from tests.activities.effect_world import World
from workers.demo.tickets import history as solved
from workers.demo.tickets import new, write

SOURCE = "made"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toolbox]:
    world = World.open(tmp_path)
    learned._known.clear()
    monkeypatch.setattr(history, "PART", 40)
    yield world.toolbox
    world.ledger.close()


async def backfilled(tools: Toolbox, path: Path, run: str = "run-1", **more: Any) -> Backfilled:
    return await SupportBackfill(tools).backfill(LearnRequest(run=run, source=str(path), backfill=True, **more))


def lines(tools: Toolbox, run: str = "run-1") -> list[dict[str, str]]:
    with (tools.state / "backfills" / f"{run}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def asked(count: int) -> list[dict[str, Any]]:
    return [{**each, "status": "pending"} for each in new(count, doubtful=1)]


async def test_a_ticket_told_of_twice_is_triaged_once_as_it_was_told_of_last(tools: Toolbox, tmp_path: Path) -> None:
    known, waiting = solved(80), asked(59)
    again = {**waiting[0], "text": "The choir sang beautifully under the old oak."}
    answered = {**known[3], "id": waiting[1]["id"]}
    path = write(tmp_path / "tickets.jsonl", [*known, *waiting, again, answered, {**answered, "status": "open"}])
    made = await backfilled(tools, path)
    assert (made.read, made.triaged, len(made.parts)) == (143, 59, 4)
    found = {each["ticket"]: each for each in lines(tools)}
    assert set(found) == {each["id"] for each in waiting} - {waiting[1]["id"]}
    assert found[waiting[0]["id"]]["sure"] == "no", "its last words are like nothing that was learnt"
    assert len(lines(tools)) == made.triaged

    report = tools.artifacts.get_model(BackfillReport, made.report)
    assert title(report) == f"Backfill of 143 tickets: {made.confident} of 59 without a label are sure"
    assert sum(each.tickets for each in report.queues) == 59
    assert "Learnt 4 intents from 81 of 81 tickets." in summary(report)
    shown = {each.title: each for each in panels(report)}
    assert list(shown) == ["Where they belong", "What they are about", "What is in doubt", "All of them"]
    assert isinstance(shown["Where they belong"], TablePanel)
    assert {row[0].text for row in shown["Where they belong"].rows} <= {"Billing", "Shipping", "Accounts"}

    some = await backfilled(tools, path, "run-2", since=date(2026, 11, 23), until=date(2026, 11, 24))
    days = {each["id"] for each in waiting if each["created_at"][:10] in ("2026-11-23", "2026-11-24")}
    assert {each["ticket"] for each in lines(tools, "run-2")} == days - {waiting[1]["id"]}
    assert "from 2026-11-23 to 2026-11-24" in summary(tools.artifacts.get_model(BackfillReport, some.report))


async def test_the_next_attempt_goes_on_where_the_last_was_whatever_came_meanwhile(
    tools: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "tickets.jsonl", [*solved(60), *asked(59)])
    real, done = SupportBackfill._sorted, list[int]()

    def dies(self: SupportBackfill, run: str, number: int, *rest: Any) -> Any:
        if number == 2 and len(done) == 2:
            raise OSError("the worker is killed")
        done.append(number)
        return real(self, run, number, *rest)

    monkeypatch.setattr(SupportBackfill, "_sorted", dies)
    with pytest.raises(OSError, match="killed"):
        await backfilled(tools, path)
    assert not (tmp_path / "backfills").exists()
    write(path, [{**each, "id": f"L{place}"} for place, each in enumerate(asked(30))])
    await backfilled(tools, path, "run-2")
    done.clear()
    made = await backfilled(tools, path)
    assert (done, made.triaged) == ([2], 60), "parts that were done are not done again, and what came later is not its"
    assert sorted(each["ticket"] for each in lines(tools)) == sorted(each["id"] for each in asked(59))


def part(tools: Toolbox, *keys: str) -> str:
    made = tuple(Example(key=key, text="where is my lamp?", intent="delivery") for key in keys)
    return tools.artifacts.put_model(Examples(examples=made))


def test_years_of_looks_are_no_more_parts_than_a_long_history(tools: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "MOST_LATER", 6)
    journal, fits = Journal(parts=(part(tools, *(f"a{n}" for n in range(40))),), read=40), set[Material]()
    for number in range(60):
        journal = Journal(parts=(*journal.parts, part(tools, f"b{number}")), read=journal.read + 1)
        journal, made = material.chosen(tools, SOURCE, journal, [])
        assert len(journal.parts) <= 3 + 6
        fits.add(Material(fitted=made.fitted))
    assert 2 <= len(fits) <= 15, "it is not fitted anew at each look"
    keys = [each.key for ref in journal.parts for each in learned.examples(tools, ref)]
    assert sorted(keys) == sorted([*(f"a{n}" for n in range(40)), *(f"b{n}" for n in range(60))]), "none is lost"


def test_what_people_said_is_fitted_on_in_time_and_counts_before_what_the_source_says(
    tools: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(material, "MOST_LATER", 3)
    journal = Journal(parts=(part(tools, "a1", "a2"),), read=2)
    said = [part(tools, f"a1{'x' * n}") for n in range(5)]
    _, first = material.chosen(tools, SOURCE, journal, said[:1])
    _, second = material.chosen(tools, SOURCE, journal, [said[1], *said[:1]])
    _, third = material.chosen(tools, SOURCE, journal, said)
    assert (first.fitted, first.lessons) == ((*journal.parts, said[0]), ())
    assert (second.fitted, second.lessons) == (first.fitted, (said[1],))
    assert (third.fitted, third.lessons) == ((*journal.parts, *said), ())


def test_a_long_history_is_fitted_anew_before_more_came_than_one_model_takes_in(tools: Toolbox) -> None:
    journal, told = Journal(parts=(part(tools, "a"),), read=400_000), Progress("")
    material.chosen(tools, SOURCE, journal, [])
    for more, parts in ((9_999, 1), (10_000, 0)):
        grown = Journal(parts=(*journal.parts, part(tools, "b")), read=journal.read + more)
        assert len(material.chosen(tools, SOURCE, grown, [])[1].later) == parts
    assert told.kept == ()


def test_keys_stand_in_eight_bytes() -> None:
    assert backfill.short("zendesk://acme#1") != backfill.short("zendesk://acme#2")
    assert 0 <= backfill.short("x") < 2**64
