"""Exports as people have them: Excel's encodings and separators, footers, a tracker's own fields, a company's headings.

Each of the four workflows reads the same file in each form, or names what it can't read and the way out.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from activities.bug_triage.sources import files as bugs
from activities.deal_scoring.folder import book_of_folder
from activities.deal_scoring.methodology import methodology_at
from activities.payables.sources.folder import read_folder
from activities.support_triage.sources.files import Files
from contracts.errors import BadInput, BadRows

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
SETTINGS = """
company = "Example GmbH"
[[accounts]]
currency = "EUR"
iban = "DE89370400440532013000"
opening = 50000
floor = 10000
country = "DE"
"""
DEALS = (
    ("Opportunity ID", "Opportunity Name", "Stage", "Amount", "Amount Currency"),
    ("1", "Öl شركة", "Discovery", "9", "EUR"),
)
VENDORS = (("id", "name"), ("v1", "Öl شركة"))
INVOICES = (("vendor", "number", "amount", "invoice_date"), ("v1", "17", "120.00", "2026-02-20"))
ISSUES = (("number", "title", "body"), ("1", "Öl شركة", "it crashes"))
TICKETS = (("ID", "Subject", "Description"), ("1", "Öl شركة", "where is it?"))
Rows = tuple[tuple[str, ...], ...]


def written(path: Path, rows: Rows, encoding: str, separator: str) -> Path:
    quoted = (separator.join(f'"{cell}"' for cell in row) for row in rows)
    path.write_text("".join(f"{line}\r\n" for line in quoted), encoding=encoding, newline="")
    return path


def deals(folder: Path, encoding: str, separator: str) -> str:
    written(folder / "opportunities.csv", DEALS, encoding, separator)
    [deal] = book_of_folder(str(folder), methodology_at("meddicc"), date(2026, 3, 2)).opportunities
    assert deal.currency == "EUR"
    return deal.name


def payables(folder: Path, encoding: str, separator: str) -> str:
    (folder / "settings.toml").write_text(SETTINGS)
    written(folder / "vendors.csv", VENDORS, encoding, separator)
    written(folder / "invoices.csv", INVOICES, encoding, separator)
    books = read_folder(folder, NOW)
    assert [(each.number, each.amount) for each in books.invoices] == [("17", 120)]
    return books.vendors[0].name


def issues(folder: Path, encoding: str, separator: str) -> str:
    [issue] = bugs.read(str(written(folder / "issues.csv", ISSUES, encoding, separator))).issues
    return issue.title


@pytest.mark.parametrize("read", [deals, payables, issues])
@pytest.mark.parametrize(("encoding", "separator"), [("utf-8-sig", ";"), ("utf-16", "\t"), ("utf-8", ",")])
def test_what_excel_saves_is_read(
    tmp_path: Path, read: Callable[[Path, str, str], str], encoding: str, separator: str
) -> None:
    assert read(tmp_path, encoding, separator) == "Öl شركة"


async def test_tickets_with_semicolons_are_read_and_utf_16_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "tickets.csv", TICKETS, "utf-8-sig", ";")
    [ticket] = (await Files(str(path)).page("", 10)).tickets
    assert (ticket.id, ticket.subject, ticket.text) == ("1", "Öl شركة", "where is it?")
    written(path, TICKETS, "utf-16", ";")
    with pytest.raises(BadInput, match=r"tickets\.csv is UTF-16"):
        await Files(str(path)).page("", 10)


def test_a_pull_request_among_github_s_issues_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = [{"number": 1, "title": "a"}, {"number": 2, "title": "b", "pull_request": {"url": "x"}}]
    path = tmp_path / "issues.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = bugs.read(str(path))
    assert [each.key for each in found.issues] == ["1"]
    assert found.left_out == "Left out or cut: 1 pull requests."


def test_deals_under_another_name_are_named_with_what_is_there(tmp_path: Path) -> None:
    report = written(tmp_path / "report17.csv", DEALS, "utf-8", ",")
    for given, says in ((tmp_path, "it has report17.csv"), (report, "is a file, not a folder")):
        with pytest.raises(BadRows, match=says):
            book_of_folder(str(given), methodology_at("meddicc"), date(2026, 3, 2))


def test_settings_name_the_columns_of_books(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS + '[columns.vendors]\nid = "Kreditor"\nname = "Bezeichnung"\n')
    written(tmp_path / "invoices.csv", INVOICES, "utf-8", ";")
    written(tmp_path / "vendors.csv", (("Kreditor", "Bezeichnung"), ("v1", "Öl")), "utf-8", ";")
    assert [(each.id, each.name) for each in read_folder(tmp_path, NOW).vendors] == [("v1", "Öl")]
    written(tmp_path / "vendors.csv", (("Kreditor", "Name"), ("v1", "Öl")), "utf-8", ";")
    with pytest.raises(BadInput, match=r"\[columns\.vendors\]: vendors\.csv has no column 'Bezeichnung'"):
        read_folder(tmp_path, NOW)
    (tmp_path / "settings.toml").write_text(SETTINGS + '[columns.vendors]\ncolour = "Name"\n')
    with pytest.raises(BadInput, match="nothing that is called 'colour'"):
        read_folder(tmp_path, NOW)
