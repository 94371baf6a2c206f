"""docs/models.md has every setting and every check, and no other."""

import inspect
import re
from pathlib import Path

from activities.changelog import checks
from activities.models import bedrock, environment

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text()


def rows(title: str) -> set[str]:
    """First cells of the table under a heading."""
    part = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1].strip(" `") for line in part.splitlines() if line.startswith("|")]
    return set(cells[2:])


def test_every_setting_is_in_the_table() -> None:
    source = inspect.getsource(environment) + inspect.getsource(bedrock)
    used = set(re.findall(r'"((?:ANTHROPIC|OPENAI|COUNTERSIGN|AWS)_[A-Z_]+)"', source))
    assert used == rows("Settings")


def test_every_check_of_a_models_draft_is_in_the_table() -> None:
    source = inspect.getsource(checks)
    names = set(re.findall(r'verdict\(\s*"([a-z ]+)"', source))
    assert names - {"nothing runs"} == rows("What is checked")
    assert "`nothing runs`" in PAGE
