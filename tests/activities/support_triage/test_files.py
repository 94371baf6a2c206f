"""Files of tickets: read from where the last reading ended; what can't be read is named, bounded, and loses nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.support_triage.look import masked_ticket
from activities.support_triage.sources.files import Files
from activities.support_triage.sources.rows import moment
from contracts.errors import BadInput, NotFound
from contracts.support import MOST_WORDS
from workers.demo.tickets import INSTRUCTION


def written(folder: Path, text: str, name: str = "tickets.jsonl") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def row(id: str, text: str = "where is it?", **more: object) -> str:
    return json.dumps({"id": id, "text": text, **more}, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", ["tickets.jsonl", "tickets.csv"])
async def test_it_goes_on_where_it_ended_and_begins_anew_where_the_file_is_another(tmp_path: Path, name: str) -> None:
    def lines(*ids: str) -> str:
        return "".join(row(each) if name.endswith("l") else f'{each},"a, b\nc"\n' for each in ids)

    head = "" if name.endswith("l") else "Ticket ID,Message\n"
    path = written(tmp_path, head + lines("1", "2", "3"), name)
    source = Files(str(path))
    first = await source.page("", 2)
    second = await source.page(first.cursor, 2)
    assert [each.id for each in (*first.tickets, *second.tickets)] == ["1", "2", "3"]
    assert (first.more, second.more) == (True, False)
    with path.open("a") as file:
        file.write(lines("4"))
    third = await source.page(second.cursor, 9)
    assert [each.id for each in third.tickets] == ["4"]
    assert (await source.page(third.cursor, 9)).tickets == ()
    written(tmp_path, head + lines("9"), name)
    assert [each.id for each in (await source.page(third.cursor, 9)).tickets] == ["9"]


async def test_rows_that_are_none_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    text = row("1", priority="whenever", created_at="03/04/2026") + "[1]\nnot json\n" + row("2", status="weird")
    path = written(tmp_path, text + '{"id": "3", "te')
    page = await Files(str(path)).page("", 9)
    assert [(each.id, each.status) for each in page.tickets] == [("1", "new"), ("2", "open")]
    said = "; ".join(page.notes)
    for part in ("'whenever'", "'03/04/2026'", "is no JSON object", "'weird'"):
        assert part in said
    with path.open("a") as file:
        file.write('xt": "late"}\n')
    assert [each.id for each in (await Files(str(path)).page(page.cursor, 9)).tickets] == ["3"], "it was being written"


async def test_columns_that_are_missing_are_named(tmp_path: Path) -> None:
    for name, text in (("a.csv", "id,colour\n1,red\n"), ("a.jsonl", '{"id": 1, "colour": "red"}\n')):
        with pytest.raises(BadInput, match="no column with the customer's words; it has colour, id"):
            await Files(str(written(tmp_path, text, name))).page("", 9)
    with pytest.raises(NotFound):
        await Files(str(tmp_path / "none.jsonl")).page("", 9)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no file that ends with"):
        await Files(str(tmp_path / "empty")).page("", 9)


async def test_a_ticket_of_5_mb_with_an_instruction_is_bounded_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, row("1", INSTRUCTION * 100_000) + row("2"))
    page = await Files(str(path)).page("", 9)
    huge, other = page.tickets
    assert (len(huge.text), other.id) == (MOST_WORDS, "2")
    kept, _ = masked_ticket(huge)
    assert len(kept.text) <= 4_000
    assert kept.left_out > 4_900_000


async def test_arabic_and_hidden_characters_stay_what_they_are(tmp_path: Path) -> None:
    text = "أريد استعادة أموالي\u202e من فضلكم"
    page = await Files(str(written(tmp_path, row("1", text)))).page("", 9)
    assert page.tickets[0].text == text


@pytest.mark.parametrize(
    "text", ["2026-11-02T08:00:00Z", "2026-11-02T09:00:00+01:00", "1793606400", "02.11.2026 08:00", "2026/11/02 08:00"]
)
def test_dates_in_several_forms_are_the_same_moment(text: str) -> None:
    assert moment(text) == datetime(2026, 11, 2, 8, tzinfo=UTC)
    assert moment("03/04/2026") is None
