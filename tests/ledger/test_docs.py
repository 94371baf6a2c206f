"""The documentation names what is there."""

import re
from pathlib import Path

from ledger.schema import metadata

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"


def test_every_table_is_documented_and_every_documented_table_exists() -> None:
    tables = PAGE.read_text().split("## What is sealed")[0]
    named = {name for line in re.findall(r"^\| (`.*?) \|", tables, re.M) for name in re.findall(r"`(\w+)`", line)}
    assert named == set(metadata.tables) | {"alembic_version", "words"}
