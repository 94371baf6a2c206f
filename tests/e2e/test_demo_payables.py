"""`countersign demo-payables` with nobody at the keyboard: a whole morning on generated books."""

from pathlib import Path

from tests.e2e.unattended import unattended
from workers.devserver import Binary

SENTENCES = (
    "Generated for this demo: no company, account or amount in them is real.",
    "Nobody is at the keyboard",
    "It seems to repeat",
    "A changed account: one signature is not enough",
    "1 of 2 by approver or reviewer. It still waits.",
    "Nothing is left running",
    "none was changed or removed",
)


def test_a_morning_ends_with_files_in_the_outbox(temporal_binary: Binary, tmp_path: Path) -> None:
    said = unattended("demo-payables", temporal_binary, tmp_path)
    assert [each for each in SENTENCES if each not in said] == []
    assert len(list((tmp_path / ".demo" / "outbox").glob("*.xml"))) >= 2
