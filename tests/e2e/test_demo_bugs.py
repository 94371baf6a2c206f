"""`countersign demo-bugs` with nobody at the keyboard: a whole night on generated reports."""

from pathlib import Path

from tests.e2e.unattended import unattended
from workers.devserver import Binary

SENTENCES = (
    "Generated for this demo: no person, report or package in them is real.",
    "Nobody is at the keyboard",
    "1 blocks the release",
    "the same ValueError",
    "a page of choices",
    "Nothing is left running",
    "none was changed or removed",
    "No model was asked.",
)


def test_a_night_ends_with_what_was_signed_beside_the_reports(temporal_binary: Binary, tmp_path: Path) -> None:
    said = unattended("demo-bugs", temporal_binary, tmp_path)
    assert [each for each in SENTENCES if each not in said] == []
    assert "admin" not in (tmp_path / ".demo" / "generated-reports" / "reports.jsonl.updates.jsonl").read_text()
