"""`countersign demo-deals` with nobody at the keyboard: a whole morning of a generated company."""

import json
from pathlib import Path

from tests.e2e.unattended import unattended
from workers.devserver import Binary

SENTENCES = (
    "no company, deal or person is real.",
    "Nobody is at the keyboard",
    "ranked by a model of this company's deals",
    "The run ended: done.",
    "Over 13 weeks the list would have held",
    "Nothing is left running",
    "none was changed or removed",
)


def test_a_morning_ends_with_tasks_in_the_outbox(temporal_binary: Binary, tmp_path: Path) -> None:
    said = unattended("demo-deals", temporal_binary, tmp_path)
    assert [each for each in SENTENCES if each not in said] == []
    files = list((tmp_path / ".demo" / "generated-deals" / "outbox").glob("*.json"))
    assert f"{len(files)} in all." in said
    assert {json.loads(each.read_text())["owner"] for each in files} == {"Ana", "Ben", "Chi"}
