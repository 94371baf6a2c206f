"""`countersign demo-support` with nobody at the keyboard: a morning of generated tickets."""

import json
from pathlib import Path

from tests.e2e.unattended import unattended
from workers.devserver import Binary

SENTENCES = (
    "Generated for this demo: nobody wrote them.",
    "33 new tickets: ",
    ", 7 part of a burst.",
    "7 similar tickets, one incident: ",
    " tickets into 3 queues",
    "Nobody is at the keyboard",
    "has 33 signed updates. Nothing was sent to anybody.",
    "Nothing is left running",
    "No model was asked.",
)


def test_a_morning_ends_with_a_signed_update_of_each_ticket(temporal_binary: Binary, tmp_path: Path) -> None:
    said = unattended("demo-support", temporal_binary, tmp_path)
    assert [each for each in SENTENCES if each not in said] == []
    lines = (tmp_path / ".demo" / "tickets.jsonl.updates.jsonl").read_text().splitlines()
    assert len({json.loads(each)["ticket"] for each in lines}) == len(lines) == 33
